import { openChannel } from "../../mux/open-channel.ts";
import type { StreamTypes } from "../../streams/stream-kind.ts";
import { channelPair } from "../forward/channel-pair.ts";
import { grantedByAll } from "../server/permission.ts";
import type { ServerContext, ServerUser } from "../server/server-user.ts";
import type { BaseSession } from "../session/base-session.ts";
import { AGENT_FORWARD, AGENT_NAMES } from "./names.ts";

/** Options of `serve` for agent forwarding. */
export interface AgentServeOptions {
  /**
   * Whether clients whose login has `permissions.agentForwarding` may offer their agent to a session, for `forwardedAgent`; default false
   * (OpenSSH PROTOCOL.agent).
   */
  readonly acceptAgent?: boolean | undefined;
}

/** Permission for agent forwarding. */
export interface AgentPermissions {
  /** True grants agent forwarding, if the server has `acceptAgent`; default false. */
  readonly agentForwarding?: boolean | undefined;
}

export interface AgentServerTypes {
  readonly options: AgentServeOptions;
  readonly permissions: AgentPermissions;
  readonly granted: { readonly agentForwarding: boolean };
  readonly limits: object;
  readonly event: never;
}

/** Sessions to which the client forwards its agent, with their connection and the channel that leads to the agent. */
const sessions = /* @__PURE__ */ new WeakMap<
  object,
  { readonly mux: ServerContext["mux"]; readonly channel: string }
>();

/** Agent forwarding: a session's handler reaches the agent of the client's user. */
export const agentServer: ServerUser<AgentServerTypes> = {
  options: { acceptAgent: "boolean" },
  permissions: { agentForwarding: grantedByAll },
  limits: {},
  isUsed: ({ acceptAgent }) => acceptAgent === true,
  channels: {},
  globalRequests: {},
  sessionRequests: /* @__PURE__ */ AGENT_NAMES.map(({ request }) => request),
  extensions: [AGENT_FORWARD],
  begin(context) {
    // rule: agent-grant
    if (!context.permissions.agentForwarding) return undefined;
    for (const { request, channel } of AGENT_NAMES)
      context.sessionRequests.set(request, () => (session) => sessions.set(session, { mux: context.mux, channel }));
    return undefined;
  },
};

/**
 * Returns a function that opens a connection to the agent of the client's user, as a pair of byte streams. Returns `undefined` if the
 * client does not forward its agent to this session, or may not.
 *
 * Anyone who can use these streams can log in as that user elsewhere: pass them to the session's own command only. The function rejects
 * with `channel-open-failed` if the client refuses the channel, `channel-limit`, or the error that ended the connection.
 */
export function forwardedAgent<K extends StreamTypes>(session: BaseSession<K>): (() => Promise<K["pair"]>) | undefined {
  const agent = sessions.get(session);
  if (agent === undefined) return undefined;
  return async () => channelPair(await openChannel(agent.mux, agent.channel), session.streams);
}
