// Names of agent forwarding (OpenSSH PROTOCOL.agent).

/** Session request of a client that offers its agent. */
export const AGENT_REQUEST = "auth-agent-req@openssh.com";

/** Channel that a server opens to the client's agent. */
export const AGENT_CHANNEL = "auth-agent@openssh.com";
