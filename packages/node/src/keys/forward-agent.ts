import type { SessionBind } from "@nacre/agent";
import { SshError } from "@nacre/wire";
import {
  type AgentLimits,
  agentClient,
  type ClientUser,
  checkOptions,
  type Duplex,
  type OptionRows,
} from "nacre/extend";
import { connectAgent, LIST_TIMEOUT } from "./agent.ts";
import { AgentLink } from "./agent-link.ts";
import { defaultAgent } from "./agent-path.ts";
import { AnsweringDuplex } from "./answering-duplex.ts";
import { expandHome, isFileText } from "./files.ts";
import { type AgentFilter, FilteredAgent } from "./filtered-agent.ts";

/** An agent that can be forwarded. */
export type ForwardedAgentSource =
  /** The one at SSH_AUTH_SOCK. */
  | true
  /** Path of its socket or pipe. */
  | string
  /** An agent of `createAgent`, or any other object with its `connect`. */
  | {
      /** Opens a connection to the agent. */
      readonly connect: () => Duplex;
    }
  /** Function that opens a connection to the agent. `signal` aborts when the SSH connection has ended. */
  | ((signal: AbortSignal) => Duplex | Promise<Duplex>);

/** A forwarded agent, and which of its keys the server may see and use. */
export interface FilteredAgentOptions {
  /** Default the agent at SSH_AUTH_SOCK. */
  readonly agent?: ForwardedAgentSource | undefined;
  /** Called for each key, each time that the server lists the keys or signs with one. All other requests to the agent are refused. */
  readonly filter: AgentFilter;
}

/** Options of `connect` for agent forwarding. */
export interface ForwardAgentOptions {
  /**
   * Offers an agent to every command of this connection, as `ssh -A` does: `true` for the one at SSH_AUTH_SOCK, the path of another, an
   * agent of `createAgent`, a function that connects to one, or one of these with a filter of its keys. Default false: anyone who controls
   * the server can log in elsewhere with the agent's keys while you are connected.
   */
  readonly forwardAgent?: false | ForwardedAgentSource | FilteredAgentOptions | undefined;
}

const FILTERED: OptionRows<FilteredAgentOptions> = {
  agent: { check: (agent) => checkSource(agent ?? true) },
  filter: {
    check(filter) {
      if (typeof filter !== "function") throw new SshError("usage", "`filter` of `forwardAgent` must be a function");
    },
  },
};

/** Agent forwarding, with the agent of this process. */
export const forwardAgent: ClientUser<{ readonly options: ForwardAgentOptions; readonly limits: AgentLimits }> = {
  ...agentClient,
  options: {
    forwardAgent: {
      check(given = false) {
        if (isFiltered(given)) checkOptions(given, FILTERED, "`forwardAgent`");
        else if (given !== false) checkSource(given);
      },
      scope: "host",
    },
  },
  isUsed: ({ forwardAgent: given = false }) => given !== false,
  begin({ options, ...context }) {
    const { forwardAgent: given = false } = options;
    const { agent = true, filter } = isFiltered(given)
      ? given
      : { agent: given as ForwardedAgentSource, filter: undefined };
    // The proof exists once the client has logged in.
    const bind = { ...context.server.serverProof!, isForwarding: true };
    return agentClient.begin({
      ...context,
      options: { forwardAgent: (signal) => boundAgent(agent, filter, bind, signal) },
    });
  },
};

/** Returns a function for names of refused channels that warns once of a server that wants an agent which it was not offered. */
export function agentRefused(warn: (text: string) => void): (name: string) => void {
  let isTold = false;
  return (name) => {
    if (isTold || !agentClient.channels.includes(name)) return;
    isTold = true;
    warn("the server tried to use an SSH agent of this machine, which was not offered to it");
  };
}

function isFiltered(given: unknown): given is FilteredAgentOptions {
  // A filter is never ignored, also in an object that has a `connect`.
  return (
    typeof given === "object" &&
    given !== null &&
    /* rule: agent-filter-given */ ("filter" in given || !("connect" in given))
  );
}

/** Throws `usage` unless this names an agent. True does so only if SSH_AUTH_SOCK is set. */
function checkSource(given: ForwardedAgentSource): void {
  if (given === true && defaultAgent() === undefined)
    throw new SshError(
      "usage",
      "`forwardAgent` needs an agent at SSH_AUTH_SOCK, which is not set; start one with ssh-agent",
    );
  // Never show the value, which may be a private key.
  const isPath = typeof given === "string" && given !== "" && !isFileText(given);
  const { connect } = (typeof given === "object" ? (given ?? {}) : {}) as { readonly connect?: unknown };
  if (given !== true && !isPath && typeof given !== "function" && typeof connect !== "function")
    throw new SshError(
      "usage",
      "`forwardAgent` must be true, the path of an agent's socket, an agent of `createAgent`, a function that connects to one, or an object with `filter`",
    );
}

/**
 * Returns a connection to an agent that is tied to the SSH connection, so that the agent knows where its keys are used (OpenSSH
 * PROTOCOL.agent §1). An agent that knows nothing of that is used without.
 */
async function boundAgent(
  source: ForwardedAgentSource,
  filter: AgentFilter | undefined,
  bind: SessionBind,
  signal: AbortSignal,
): Promise<Duplex> {
  const wait = { timeout: LIST_TIMEOUT, signal };
  let link = new AgentLink(await openSource(source, signal), "`forwardAgent`");
  try {
    await link.bind(bind, wait);
  } catch (error) {
    if (link.wasSilent || signal.aborted) throw error;
    // Some agents close the connection at a request that they do not know.
    link = new AgentLink(await openSource(source, signal), "`forwardAgent`");
  }
  return filter === undefined ? link.release() : new AnsweringDuplex(new FilteredAgent(link, filter, bind));
}

async function openSource(source: ForwardedAgentSource, signal: AbortSignal): Promise<Duplex> {
  if (typeof source === "function") return source(signal);
  if (typeof source === "object") return source.connect();
  const path = source === true ? defaultAgent() : expandHome(source);
  if (path === undefined) throw new SshError("agent-failed", "no SSH agent: SSH_AUTH_SOCK is not set");
  return connectAgent(path, { timeout: LIST_TIMEOUT, signal });
}
