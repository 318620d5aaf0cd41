import { CHANNEL_OPEN_FAILURE_REASON, MAX_UINT32, type SshError } from "@nacre/wire";
import type { Duplex } from "../../mux/duplex.ts";
import type { PeerOpen } from "../../mux/peer-asks.ts";
import { openedUnlessAborted } from "../../on-abort.ts";
import type { ClientContext, ClientPart, ClientUser, EncodedRequest } from "../client/client-user.ts";
import { bridge } from "../forward/bridge.ts";
import { AGENT_FORWARD, AGENT_NAMES, OPENSSH_NAMES, RFC_NAMES } from "./names.ts";

const REASON = CHANNEL_OPEN_FAILURE_REASON;

/** Options of `connect` for agent forwarding. */
export interface AgentConnectOptions {
  /**
   * Offers an agent to every command of this connection, as `ssh -A` does. Called for each connection that the server opens to the agent;
   * returns a byte connection to it, which Nacre then owns. `signal` aborts when the SSH connection has ended. Off by default: anyone who
   * controls the server can log in elsewhere with the agent's keys while you are connected.
   */
  readonly forwardAgent?: ((signal: AbortSignal) => Duplex | Promise<Duplex>) | undefined;
}

/** Limits of agent forwarding. */
export interface AgentLimits {
  /** Maximum number of connections to the forwarded agent, including those being opened; default 16. Further ones are refused. */
  readonly maxAgentChannels: number;
}

export interface AgentClientTypes {
  readonly options: AgentConnectOptions;
  readonly limits: AgentLimits;
}

/** Agent forwarding: the server reaches an agent beside this program. */
export const agentClient: ClientUser<AgentClientTypes> = {
  options: { forwardAgent: { type: "function", scope: "host" } },
  limits: { maxAgentChannels: { default: 16, least: 0, most: MAX_UINT32, unit: "connections" } },
  isUsed: ({ forwardAgent }) => forwardAgent !== undefined,
  channels: /* @__PURE__ */ AGENT_NAMES.map(({ channel }) => channel),
  begin: (context) => new ForwardedAgent(context),
};

/** The agent that one connection forwards. */
class ForwardedAgent implements ClientPart {
  readonly #context: ClientContext<AgentClientTypes>;
  /** Whether a command was offered the agent. */
  #isOffered = false;
  /** Number of connections to the agent. */
  #open = 0;
  readonly #over = new AbortController();

  constructor(context: ClientContext<AgentClientTypes>) {
    this.#context = context;
    for (const { channel } of AGENT_NAMES) context.mux.accept(channel, (open) => this.#onOpen(open));
  }

  /** Offers the agent to a command. Like OpenSSH's, the request wants no reply: without the server's consent the command runs anyway. */
  sessionRequests(): readonly EncodedRequest[] {
    this.#isOffered = true;
    const { request } = this.#context.server.announces(AGENT_FORWARD) ? RFC_NAMES : OPENSSH_NAMES;
    return [{ type: request, data: new Uint8Array(0), wantReply: false }];
  }

  closed(error: SshError): void {
    this.#over.abort(error);
  }

  #onOpen(open: PeerOpen): void {
    // rule: agent-not-offered
    if (!this.#isOffered) return this.#refuse(open, REASON.ADMINISTRATIVELY_PROHIBITED, "no command has an agent");
    // rule: agent-channels
    if (this.#open >= this.#context.limits.maxAgentChannels)
      return this.#refuse(open, REASON.RESOURCE_SHORTAGE, "too many connections to the agent");
    this.#open++;
    void this.#carry(open).finally(() => this.#open--);
  }

  #refuse(open: PeerOpen, reason: number, text: string): void {
    open.reject(reason, text);
    this.#context.refused(open.channelType);
  }

  async #carry(open: PeerOpen): Promise<void> {
    const { signal } = this.#over;
    let agent: Duplex;
    try {
      const opening = (async () => this.#context.options.forwardAgent!(signal))();
      agent = await openedUnlessAborted(opening, signal, ({ reason }) => reason);
    } catch {
      // The server learns no reason: it may show names of this machine.
      open.reject(REASON.CONNECT_FAILED, "cannot connect to the agent");
      return;
    }
    const channel = open.accept();
    // No channel: the SSH connection has ended.
    if (channel === undefined) return agent.close();
    await bridge(channel, agent, signal);
  }
}
