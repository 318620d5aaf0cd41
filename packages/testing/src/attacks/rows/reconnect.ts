import { heldBy, patch, type Row, remove } from "./types.ts";

const CLIENT = "nacre/test/reconnect/reconnect";
const NODE = "node/test/reconnect";

/** Attacks on clients that connect again. */
export const RECONNECTING: readonly Row[] = [
  {
    title: "reconnect: an attempt that asks nobody",
    client: [
      heldBy(
        CLIENT,
        "reconnect: another host key · client",
        patch("reconnect-final", "return error instanceof SshError;"),
      ),
      heldBy(
        NODE,
        "reconnect: a new key for an unknown host · client",
        patch("reconnect-unknown-host", "return this.asking(hop);"),
      ),
    ],
    server: "not touched",
  },
  {
    title: "reconnect: a server that drops its clients",
    client: [
      heldBy(CLIENT, "reconnect: a server that drops at once · client", patch("reconnect-delay", "return 0;")),
      heldBy(
        CLIENT,
        "reconnect: a server that drops after the login · client",
        patch("reconnect-stable", "this.#delays.reset();"),
      ),
      heldBy(NODE, "reconnect: delays of milliseconds · client", remove("reconnect-least-delay")),
      heldBy(CLIENT, "reconnect: waiting calls · client", remove("reconnect-waiting-calls")),
      heldBy(
        CLIENT,
        "reconnect: a command runs twice · client",
        patch("reconnect-runs-once", "reconnection !== undefined"),
      ),
      heldBy(
        "node/test/reconnect-transfers",
        "reconnect: a transfer without progress · client",
        patch("reconnect-idle-transfer", "return true;"),
      ),
    ],
    server: "not touched",
  },
];
