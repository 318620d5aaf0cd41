import type { Patch } from "./rules.ts";
import { heldBy, patch, type Row, remove } from "./types.ts";

function clientHolds(title: string, ...patches: readonly Patch[]): Pick<Row, "client"> {
  return { client: heldBy("agent/test/client-attacks", `${title} · client`, ...patches) };
}

function agentHolds(title: string, ...patches: readonly Patch[]): Pick<Row, "server"> {
  return { server: heldBy("agent/test/agent-attacks", `${title} · server`, ...patches) };
}

/** Returns a row about what clients of an agent send. */
function agentRow(title: string, ...patches: readonly Patch[]): Row {
  return { title, client: "not touched", ...agentHolds(title, ...patches) };
}

/** Returns a row about keys that are restricted to destinations. */
function restrictedRow(title: string, ...patches: readonly Patch[]): Row {
  const server = heldBy("agent/test/restricted", `${title} · server`, ...patches);
  return { title, client: "not touched", server };
}

const LENGTHS = [remove("agent-empty-message"), remove("agent-message-length")];

/** Attacks on agents by their clients ("server"), and on clients by agents. */
export const AGENT_PROTOCOL: readonly Row[] = [
  {
    title: "agent: lengths of messages",
    ...clientHolds("agent: lengths of messages", ...LENGTHS),
    ...agentHolds("agent: lengths of messages", ...LENGTHS),
  },
  {
    title: "agent: bytes after a message",
    ...clientHolds("agent: bytes after a message", remove("agent-answer-end")),
    ...agentHolds("agent: bytes after a message", remove("agent-request-end")),
  },
  {
    title: "agent: numbers of keys that are too high or lie",
    ...clientHolds("agent: numbers of keys that are too high or lie", remove("agent-identities")),
    server: "not touched",
  },
  {
    title: "agent: answers that do not fit the request",
    ...clientHolds(
      "agent: answers that do not fit the request",
      remove("agent-unasked-answer"),
      patch("agent-extension-name", "true"),
    ),
    server: "not touched",
  },
  {
    title: "agent: a signature with SHA-1",
    ...clientHolds(
      "agent: a signature with SHA-1",
      patch("agent-rsa-flags", "return 0;"),
      remove("agent-signature-name"),
    ),
    ...agentHolds("agent: a signature with SHA-1", patch("agent-sha1", 'return "rsa-sha2-512";')),
  },
  agentRow(
    "agent: constraints that are unknown, repeated or malformed",
    remove("agent-unknown-constraint"),
    remove("agent-unknown-extension"),
    remove("agent-repeated-constraint"),
  ),
  agentRow(
    "agent: destinations that are empty or malformed",
    remove("agent-no-destinations"),
    remove("agent-destination-count"),
    remove("agent-destination-from"),
    remove("agent-destination-to"),
    remove("agent-destination-user"),
    remove("agent-destination-reserved"),
    remove("agent-destination-end"),
    remove("agent-hop-reserved"),
  ),
  agentRow("agent: libraries named by a path", remove("agent-provider"), remove("agent-security-key")),
  agentRow("agent: keys that do not fit together", remove("agent-certified-key")),
  agentRow(
    "agent: connections, keys and answers without an end",
    remove("agent-connections"),
    remove("agent-keys"),
    remove("agent-unsent"),
  ),
  agentRow("agent: comments that a list cannot hold", remove("agent-list-length")),
  agentRow("agent: a key after its lifetime", remove("agent-lifetime")),
  agentRow("agent: a locked agent", remove("agent-locked"), remove("agent-empty-passphrase")),
  agentRow("agent: guesses of the passphrase", remove("agent-passphrase"), remove("agent-unlock-delay")),
  agentRow(
    "agent: signatures that must be confirmed",
    patch("agent-confirm", "true"),
    patch("agent-confirm-held", "true"),
    patch("agent-confirm-locked", "true"),
    remove("agent-confirm-token"),
  ),
  restrictedRow(
    "agent: session binds that fail",
    remove("agent-failed-bind"),
    remove("agent-session-id-length"),
    remove("agent-bind-signature"),
    remove("agent-bind-after-login"),
    remove("agent-bind-other-key"),
    remove("agent-bind-count"),
    remove("agent-hidden-after-failure"),
  ),
  restrictedRow(
    "agent: restricted keys are hidden where they are of no use",
    remove("agent-hidden-path"),
    remove("agent-hidden-end"),
    patch("agent-hidden-list", "keys.all(now)"),
    patch("agent-hidden-remove", "false"),
    remove("agent-hidden-replace"),
  ),
  restrictedRow(
    "agent: a restricted key signs nothing but the login at hand",
    patch("agent-restricted", "false"),
    remove("agent-unbound"),
    patch("agent-login-message", "true"),
    patch("agent-login-service", "true"),
    patch("agent-login-method", "true"),
    patch("agent-login-signed", "true"),
    patch("agent-login-user-length", "true"),
    patch("agent-login-key", "true"),
    patch("agent-login-session", "true"),
    patch("agent-login-forwarding", "true"),
    patch("agent-host-bound", "true"),
    patch("agent-login-host", "true"),
  ),
  restrictedRow(
    "agent: a restricted key goes only where its path leads",
    patch("agent-path", "true"),
    patch("agent-path-from", "true"),
    patch("agent-path-to", "true"),
    patch("agent-path-user", "true"),
  ),
  restrictedRow("agent: patterns of users and keys of authorities", patch("agent-ca-key", "true")),
  restrictedRow(
    "agent: certificates of hosts that a restricted key may not reach",
    patch("agent-plain-authority", "true"),
    patch("agent-host-certificate", "return true;"),
  ),
  {
    title: "agent: a confirmation by a value that is not true",
    client: heldBy(
      "node/test/agent-attacks",
      "agent: a confirmation by a value that is not true · client",
      patch("agent-confirm-verdict", "this.#connection.confirm(token, Boolean(verdict), performance.now());"),
    ),
    server: "not touched",
  },
  {
    title: "agent: a pipe of another user",
    client: heldBy("node/test/agent-attacks", "agent: a pipe of another user · client", patch("pageant-user", "true")),
    server: "not touched",
  },
];
