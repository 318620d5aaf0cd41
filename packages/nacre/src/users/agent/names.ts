import { type Extension, utf8Encode } from "@nacre/wire";

// Names of agent forwarding: those of OpenSSH since 10.3 (RFC 9987 §5), and those of all others (OpenSSH PROTOCOL.agent).

/** Extension of a server that knows the names of the RFC. */
export const AGENT_FORWARD: Extension = { name: "agent-forward", value: /* @__PURE__ */ utf8Encode("0") };

/** Session requests of a client that offers its agent, with the channel that a server then opens to it. */
export const AGENT_REQUEST = "agent-req";
export const AGENT_CHANNEL = "agent-connect";
export const OPENSSH_AGENT_REQUEST = "auth-agent-req@openssh.com";
export const OPENSSH_AGENT_CHANNEL = "auth-agent@openssh.com";

/** Channels that a server may open to the client's agent. */
export const AGENT_CHANNELS: readonly string[] = [AGENT_CHANNEL, OPENSSH_AGENT_CHANNEL];
