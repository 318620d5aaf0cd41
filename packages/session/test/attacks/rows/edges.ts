import { heldBy, patch, type Row } from "./types.ts";

/** Accounts, files, processes, and one event loop for all. */
export const EDGES: readonly Row[] = [
  {
    title: "grants",
    missing: "forwarding, agent and X11, which a restricted key would not be granted either",
    client: "not touched",
    server: heldBy(
      "nacre/test/attacks",
      "grants · server",
      patch(
        "nacre/logins",
        "this.#permissions.slice(0, before.length).concat(permissions)",
        "this.#permissions.concat(permissions)",
      ),
      patch("nacre/logins", "all.every((one) => one.pty !== false)", "all.at(-1)?.pty !== false"),
      patch("nacre/logins", "all.find((one) => one.command !== undefined)?.command", "all.at(-1)?.command"),
      patch("nacre/session-channel", "permissions.pty !== false &&", ""),
      patch("nacre/session-channel", "const forced = permissions.command;", "const forced = undefined;"),
    ),
  },
];
