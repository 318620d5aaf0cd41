import { type Extension, utf8Encode } from "@nacre/wire";

/** Extension of a server that knows the names of the RFC. */
export const AGENT_FORWARD: Extension = { name: "agent-forward", value: /* @__PURE__ */ utf8Encode("0") };

/** The session request of a client that offers its agent, and the channel that a server then opens to it. */
interface AgentNames {
  readonly request: string;
  readonly channel: string;
}

/** Names of OpenSSH since 10.3 (RFC 9987 §5). */
export const RFC_NAMES: AgentNames = { request: "agent-req", channel: "agent-connect" };

/** Names of all others (OpenSSH PROTOCOL.agent). */
export const OPENSSH_NAMES: AgentNames = { request: "auth-agent-req@openssh.com", channel: "auth-agent@openssh.com" };

export const AGENT_NAMES: readonly AgentNames[] = [RFC_NAMES, OPENSSH_NAMES];
