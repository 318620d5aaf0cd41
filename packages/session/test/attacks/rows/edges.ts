import { heldBy, patch, type Row } from "./types.ts";

/** Accounts, files, processes, and the one event loop that all connections share. */
const FILE = "node/test/attacks";

const HOME = patch(
  "node/account",
  "const home = account.entry();",
  "const home = account.homeVariable ?? account.entry();",
);

export const EDGES: readonly Row[] = [
  {
    title: "whose file",
    client: heldBy(
      FILE,
      "whose file · client",
      HOME,
      patch("node/key-file", "(mode & 0o077) !== 0", "false"),
      patch("node/identities", "if (publicHalf === undefined) await assertPrivate(", "if (false) await assertPrivate("),
    ),
    server: heldBy(
      FILE,
      "whose file · server",
      HOME,
      patch(
        "node/owned-file",
        "uid !== 0 && uid !== system.owner;",
        "uid !== 0 && uid !== (system.owner || file.uid);",
      ),
      patch("node/owned-file", "(at.mode & OTHERS_WRITE) !== 0 &&", "false &&"),
    ),
  },
  {
    title: "work before login",
    client: "not touched",
    server: heldBy(
      FILE,
      "work before login · server",
      patch("node/authorized-keys", "parseAuthorizedKeys(text, login.publicKey)", "parseAuthorizedKeys(text)"),
      patch("node/authorized-keys", "if (file.told.has(problem)) return;", ""),
      patch("node/owned-file", "if (stats.size > maxBytes)", "if (false)"),
      patch("keyfiles/authorized-keys", "!isBlank(text.charCodeAt(after)) ||", ""),
      patch("auth/server/standing", "++this.#refusedQueries > this.#limits.refusedKeyQueries", "false"),
    ),
  },
  {
    title: "one source",
    client: "not touched",
    server: heldBy(
      FILE,
      "one source · server",
      patch("node/listen", "full ? this.#unauthenticated : sources.pressure(source)", "this.#unauthenticated"),
      patch("node/sources", "this.#count(source) >= this.#rules.maxUnauthenticated", "false"),
      patch("node/sources", "record?.enforced && record.penaltyEnds > now", "false"),
      patch("node/sources", "if (known === undefined) this.#makeRoom(now);", ""),
      patch("node/sources", "2 ** record.failures++", "1"),
      patch("node/login-delay", "if (!decision) await holdRefusal(login);", ""),
    ),
  },
  {
    title: "trust on first use",
    client: heldBy(
      FILE,
      "trust on first use · client",
      patch("node/file-lock", "await previous?.catch(() => {});", ""),
      patch("node/file-lock", "const release = await acquire(`${file}.lock`);", "const release = async () => {};"),
      patch(
        "node/known-hosts",
        `if (check.status !== "unknown") return verify(options, check, hostKey);`,
        "void check;",
      ),
    ),
    server: "not touched",
  },
  {
    title: "special files",
    client: heldBy(
      FILE,
      "special files · client",
      patch("node/known-hosts", "kind !== undefined && !kind.isFile()", "false"),
    ),
    server: heldBy(FILE, "special files · server", patch("node/owned-file", "if (!stats.isFile())", "if (false)")),
  },
];
