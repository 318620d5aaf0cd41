import { heldBy, patch, type Row } from "./types.ts";

const FILE = "ssh2/test/server/attacks";
const VERIFIED = patch("login-signature", "if (signature !== undefined) return {};");
const HOSTBASED = patch("ssh2-hostbased-signature", "const isProved = true;");
const NO_QUERY_LOGIN = patch("refused-query", "true");
const PROMISED = patch("ssh2-promised-factor", "false");
const ONE_USER = patch("ssh2-one-user", "false");

/** Attacks on programs that are written for ssh2. */
export const OF_SSH2: readonly Row[] = [
  {
    title: "applications of ssh2 that verify nothing",
    client: "not touched",
    server: heldBy(FILE, "applications of ssh2 that verify nothing · server", VERIFIED, HOSTBASED),
  },
  {
    title: "queries of keys, as ssh2's applications accept them",
    client: "not touched",
    server: [
      heldBy(FILE, "queries of keys, as ssh2's applications accept them · server", NO_QUERY_LOGIN),
      heldBy(FILE, "factors of ssh2's applications that are only asked about · server", PROMISED),
    ],
  },
  {
    title: "changes of the user, as ssh2's applications do not expect them",
    client: "not touched",
    server: [
      heldBy(FILE, "changes of the user between the factors of ssh2's applications · server", ONE_USER),
      heldBy(FILE, "new passwords for another user than ssh2's applications asked · server", ONE_USER),
    ],
  },
];
