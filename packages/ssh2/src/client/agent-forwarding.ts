import { CHANNEL, type Channel } from "../channel/channel.ts";
import { afterClose, type ConnectionMux, MUX } from "../connection.ts";
import { acceptChannels, type ServerOpen } from "./channel-opens.ts";
import type { ClientConnection } from "./client-connection.ts";
import { request } from "./request.ts";
import { agentRequest } from "./session-requests.ts";

/** Connections whose server was asked to forward the agent, and has not refused. */
const requested = new WeakSet<ConnectionMux>();
/** Connections whose server may open channels to the agent once it has granted the request. */
const accepting = new WeakSet<ConnectionMux>();

/**
 * Requests agent forwarding on a session, once for each connection: the server then forwards for all sessions. Once it has granted that,
 * its connections are joined to `getStream` of the agent.
 */
export function forwardAgent(client: ClientConnection, channel: Channel, done: (error?: Error) => void): void {
  const mux = client[MUX];
  if (mux === undefined || requested.has(mux)) return done();
  requested.add(mux);
  acceptAgentChannels(client, mux);
  request(client, channel[CHANNEL], agentRequest(), (error) => {
    if (error !== undefined) requested.delete(mux);
    // The reply of an earlier connection grants nothing to the latest one.
    else if (client[MUX] === mux) client._agentFwdEnabled = true;
    done(error);
  });
}

function acceptAgentChannels(client: ClientConnection, mux: ConnectionMux): void {
  if (accepting.has(mux)) return;
  accepting.add(mux);
  const over = new AbortController();
  afterClose(client, () => over.abort());
  acceptChannels(client, mux, "auth-agent@openssh.com", () => {
    if (!client._agentFwdEnabled || typeof client._agent?.getStream !== "function") return undefined;
    return (open) => {
      joinAgent(client, open, over.signal);
      return true;
    };
  });
}

/** Joins a connection of the server to the agent. Refuses it if the agent cannot be reached. `over` closes the agent's side. */
function joinAgent(client: ClientConnection, { accept, reject }: ServerOpen, over: AbortSignal): void {
  let isAnswered = false;
  client._agent?.getStream?.((error, stream) => {
    if (isAnswered) return;
    isAnswered = true;
    if (error || stream === undefined) {
      reject();
      return;
    }
    const channel = accept();
    stream.on("error", () => channel.close());
    // The agent may not read any more, and then the event "close" of the channel does not come.
    void channel[CHANNEL].ended.then(() => stream.destroy());
    channel.pipe(stream).pipe(channel);
  }, over);
}
