import { heldBy, type Row, remove } from "./types.ts";

const FILE = "nacre/test/agent/agent";

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
];
