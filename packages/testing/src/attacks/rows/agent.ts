import { heldBy, patch, type Row, remove } from "./types.ts";

const FILE = "nacre/test/agent/agent";
const NODE = "node/test/forward-agent";

/** Attacks on users who forward their agent. */
export const AGENT: readonly Row[] = [
  {
    title: "agent forwarding",
    client: [
      heldBy(FILE, "agent forwarding: unasked · client", remove("agent-not-offered")),
      heldBy(FILE, "agent forwarding: channels · client", remove("agent-channels")),
    ],
    server: heldBy(FILE, "is not forwarded unless the client, the server and the login want it", remove("agent-grant")),
  },
  {
    title: "another agent than the configured one is forwarded",
    client: heldBy(
      NODE,
      "another agent than the configured one is forwarded · client",
      patch("config-forwarded-agent", "if (agent === true) return forwarding(environment.SSH_AUTH_SOCK);"),
    ),
    server: "not touched",
  },
  {
    title: "agent forwarding: more keys and requests than a filter permits",
    client: heldBy(
      NODE,
      "agent forwarding: more keys and requests than a filter permits · client",
      remove("agent-filter"),
      patch("agent-filter-given", "false"),
      patch("agent-filter-verdict", "Boolean(await this.#filter(key))"),
      remove("agent-filter-sign"),
      patch("agent-filter-requests", 'return { type: "success" };'),
      remove("agent-filter-binds"),
    ),
    server: "not touched",
  },
];
