import { once } from "node:events";
import { connect } from "node:net";
import { SshError } from "@nacre/wire";
import { type AgentLimits, agentClient, type ClientUser, type Duplex } from "nacre/extend";
import { socketDuplex } from "../net/socket-duplex.ts";

/** Options of `connect` for agent forwarding. */
export interface ForwardAgentOptions {
  /**
   * Offers an agent to every command of this connection, as `ssh -A` does: `true` for the one at SSH_AUTH_SOCK, or a function that connects
   * to another. Default false: anyone who controls the server can log in elsewhere with the agent's keys while you are connected.
   */
  readonly forwardAgent?: boolean | (() => Duplex | Promise<Duplex>) | undefined;
}

/** Agent forwarding, with the agent of this process. */
export const forwardAgent: ClientUser<{ readonly options: ForwardAgentOptions; readonly limits: AgentLimits }> = {
  ...agentClient,
  options: {
    forwardAgent: {
      type: "boolean or function",
      check(given) {
        if (given === true) agentPath();
      },
      scope: "host",
    },
  },
  isUsed: (options) => Boolean(options.forwardAgent),
  begin({ options, ...context }) {
    const given = options.forwardAgent;
    return agentClient.begin({
      ...context,
      options: { forwardAgent: typeof given === "function" ? given : openAgent },
    });
  },
};

/** Returns the path of the agent's Unix socket, or of its named pipe on Windows. Throws `usage` without one. */
function agentPath(): string {
  const path = process.env["SSH_AUTH_SOCK"];
  if (path === undefined || path === "")
    throw new SshError(
      "usage",
      "`forwardAgent` needs an agent at SSH_AUTH_SOCK, which is not set; start one with ssh-agent",
    );
  return path;
}

async function openAgent(): Promise<Duplex> {
  const socket = connect({ path: agentPath(), allowHalfOpen: true });
  await once(socket, "connect");
  return socketDuplex(socket);
}
