import { CHANNEL, type Channel } from "../channel/channel.ts";
import { MUX } from "../connection.ts";
import { acceptChannels, type ServerOpen } from "./channel-opens.ts";
import type { ClientConnection } from "./client-connection.ts";
import { request } from "./request.ts";
import { agentRequest } from "./session-requests.ts";

/**
 * Requests agent forwarding on a session, once for each connection: the server then forwards for all sessions. Its connections are joined
 * to `getStream` of the agent.
 */
export function forwardAgent(client: ClientConnection, channel: Channel, done: (error?: Error) => void): void {
  const mux = client[MUX];
  if (mux === undefined || client._agentFwdEnabled) return done();
  client._agentFwdEnabled = true;
  acceptChannels(client, mux, "auth-agent@openssh.com", () => {
    if (!client._agentFwdEnabled || typeof client._agent?.getStream !== "function") return undefined;
    return (open) => {
      joinAgent(client, open);
      return true;
    };
  });
  request(client, channel[CHANNEL], agentRequest(), (error) => {
    if (error !== undefined) client._agentFwdEnabled = false;
    done(error);
  });
}

/** Joins a connection of the server to the agent. Refuses it if the agent cannot be reached. */
function joinAgent(client: ClientConnection, { accept, reject }: ServerOpen): void {
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
    channel.pipe(stream).pipe(channel);
  });
}
