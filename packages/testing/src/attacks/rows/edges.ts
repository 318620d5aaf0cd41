import { held, heldBy, patch, type Row } from "./types.ts";

const FILE = "edges";
const NODE = "node/test/attacks";
const CLI = "cli/test/attacks";

const SHORTER_PACKETS = patch(
  "transport/transport",
  "maxPacketLength: Math.min(limits.maxPacketLength, limits.maxPacketLengthBeforeLogin),",
  "maxPacketLength: limits.maxPacketLength,",
);
const PAYLOAD_ONLY = patch(
  "transport/key-exchange",
  "const agreement: Agreement = { clientInit",
  "const agreement = { client, server, clientInit",
);
const UNTIL_LOGIN = patch(
  "transport/key-exchange",
  `if (initial && options.role === "client") reader.maxPacketLength`,
  "if (initial) reader.maxPacketLength",
);

const TURN_ENDS = patch("transport/transport", "if (this.#turn.over) {", "if (false) {");
const SHORT_PACKETS_COST = patch("transport/turn", "Math.max(length, LEAST_COST)", "length");
const SENDING_COUNTS = patch("connection/channel", "!sink.turnOver && ", "");
const ENGINE_YIELDS = patch("nacre/mux/engine", "this.#turning || this.#yields > 1 || ", "this.#turning || ");
const SENT_PACKETS_COST = patch("transport/turn", "this.#work += LEAST_COST;", "");
const SECOND_YIELD_STOPS = patch("nacre/mux/engine", "if (this.#yields === 1) continue;", "continue;");
const DRAINED_LATER = patch("nacre/mux/engine", "queueMacrotask(() => this.turn());", "this.turn();");
const FROM_THE_LOOP = patch("nacre/mux/engine", "queueMacrotask(() => {", "queueMicrotask(() => {");
const REMARKS_CUT = patch("wire/reader", "if (bytes.length <= maxLength) return", "if (true) return");
const ONE_LOOP = [
  TURN_ENDS,
  SHORT_PACKETS_COST,
  SENT_PACKETS_COST,
  SENDING_COUNTS,
  ENGINE_YIELDS,
  SECOND_YIELD_STOPS,
  DRAINED_LATER,
  FROM_THE_LOOP,
  REMARKS_CUT,
];

const ORIGIN = patch("transport/endings", `origin === "protocol" && (`, "(");
const LOCAL = patch(
  "transport/transport",
  `disconnect(error: SshError): void {\n    this.#fail(error, "local");`,
  `disconnect(error: SshError): void {\n    this.#fail(error, "protocol");`,
);
const VERDICT = patch(
  "transport/transport",
  `new SshError("host-key-refused", "The host key was refused"), "local");`,
  `new SshError("host-key-refused", "The host key was refused"), "protocol");`,
);
const RANDOM = patch("session/session-machine", `guarded("the source of random bytes", random)`, "random");

const HOME = patch("node/account", "const home = facts.entry();", "const home = facts.homeVariable ?? facts.entry();");

/** A server that opens terminals itself, and so holds them open while it starts other programs. */
const TERMINALS_HELD = patch(
  "cli/serve-terminal",
  `await import("@lydell/node-pty");
    return runInTerminal;`,
  `const { spawn } = await import("@lydell/node-pty");
    return async (session, pty, { file, words, cwd, env }) => {
      const terminal = spawn(file, [...words], { name: pty.term, cols: 80, rows: 24, cwd, env });
      terminal.onData((text) => session.stdout.write(text));
      return new Promise((resolve) => terminal.onExit(({ exitCode }) => resolve({ status: exitCode })));
    };`,
);

/** Accounts, files, processes, and one event loop for all. */
export const EDGES: readonly Row[] = [
  {
    title: "work before login",
    client: held(FILE, SHORTER_PACKETS, PAYLOAD_ONLY),
    server: held(FILE, SHORTER_PACKETS, PAYLOAD_ONLY, UNTIL_LOGIN),
  },
  {
    title: "one event loop",
    client: held(FILE, ...ONE_LOOP),
    server: held(
      FILE,
      ...ONE_LOOP,
      patch("keyfiles/authorized-keys", "(?:[ \\t]+(.*))?$/s.exec(text)", "(?:[ \\t]+(.*))?$/.exec(text)"),
    ),
  },
  {
    title: "what leaves",
    client: held(FILE, ORIGIN, LOCAL, VERDICT, RANDOM),
    server: held(FILE, ORIGIN, LOCAL, RANDOM),
  },
  {
    title: "grants",
    missing: "forwarding, agent and X11: a login is granted none of them by default, and nothing asks for them yet",
    client: "not touched",
    server: heldBy(
      "nacre/test/attacks",
      "grants · server",
      patch(
        "nacre/server/logins",
        "this.#permissions.slice(0, before.length).concat(permissions)",
        "this.#permissions.concat(permissions)",
      ),
      patch("nacre/server/permissions", "all.every((one) => one.pty !== false)", "all.at(-1)?.pty !== false"),
      patch("nacre/server/permissions", "all.find((one) => one.command !== undefined)?.command", "all.at(-1)?.command"),
      patch(
        "nacre/server/permissions",
        "first.filter((name) => others.every((list) => list?.includes(name) === true))",
        "[first, ...others].flatMap((list) => list ?? [])",
      ),
      patch("nacre/server/application", "of permissions.channels)", "of Object.keys(handlers.channels ?? {}))"),
      patch("nacre/session/session-channel", "permissions.pty &&", ""),
      patch("nacre/session/session-channel", "const forced = permissions.command;", "const forced = undefined;"),
    ),
  },
  {
    title: "whose file",
    client: heldBy(
      NODE,
      "whose file · client",
      HOME,
      patch("node/key-file", "(mode & 0o077) !== 0", "false"),
      patch("node/identities", "if (publicHalf === undefined) await assertPrivate(", "if (false) await assertPrivate("),
    ),
    server: heldBy(
      NODE,
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
    title: "key queries before login",
    client: "not touched",
    server: heldBy(
      NODE,
      "key queries before login · server",
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
      NODE,
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
      NODE,
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
    client: [
      heldBy(
        NODE,
        "special files · client",
        patch("node/known-hosts", "kind !== undefined && !kind.isFile()", "false"),
      ),
      heldBy(
        CLI,
        "special files: key log · client",
        patch("cli/key-log", "stats !== undefined && !stats.isFile()", "false"),
        patch("cli/key-log", "mustBeRegular(statSync(name, { throwIfNoEntry: false }));", ""),
        patch("cli/key-log", "mustBeRegular(fstatSync(file));", ""),
      ),
    ],
    server: heldBy(NODE, "special files · server", patch("node/owned-file", "if (!stats.isFile())", "if (false)")),
  },
  {
    title: "descriptors",
    client: "not touched",
    server: heldBy(
      CLI,
      "descriptors · server",
      patch("cli/serve", "closeInheritedDescriptors();", ""),
      patch("cli/inherited-descriptors", "if (fd > 2 && isInheritable(fd)) closeSync(fd);", "void fd;"),
      TERMINALS_HELD,
    ),
  },
  {
    title: "type-ahead",
    client: heldBy(
      CLI,
      "type-ahead · client",
      patch("cli/terminal", "this.#discard();", ""),
      patch("cli/terminal", "discard: () => discard(unread),", ""),
      patch("cli/terminal", "const length = readSync(terminal, piece);", "const length = 0;"),
      patch(
        "cli/terminal",
        "input.setRawMode(true);\n      this.#discard();",
        "this.#discard();\n      input.setRawMode(true);",
      ),
      patch("cli/terminal", "this.#port.discard?.();", ""),
      patch("cli/terminal", "this.#input.read();\n    this.#decoder", "this.#decoder"),
      patch("cli/terminal", `this.#decoder = new StringDecoder("utf8");`, ""),
      patch("cli/terminal", `this.#typedAhead = "";`, ""),
    ),
    server: "not touched",
  },
  {
    title: "signals",
    client: "not touched",
    server: heldBy(
      CLI,
      "signals · server",
      patch("cli/serve-stop", `["SIGHUP", "SIGINT", "SIGTERM"]`, `["SIGINT", "SIGTERM"]`),
      patch("cli/serve-stop", "else timer = setTimeout(end, grace);", ""),
      patch("cli/serve-stop", "kill.abort();", ""),
      patch("cli/serve-stop", "kill.abort();\n      end();", ""),
      patch("cli/process-tree", `sendAll(alive(found), "SIGKILL");`, ""),
      patch("cli/process-tree", "numbers.has(parent)", "false"),
      patch("cli/process-tree", "first.has(group)", "false"),
    ),
  },
];
