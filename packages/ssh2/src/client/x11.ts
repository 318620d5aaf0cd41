import { Reader } from "@nacre/wire";
import { CHANNEL, type Channel } from "../channel/channel.ts";
import { MUX } from "../connection.ts";
import { acceptChannels } from "./channel-opens.ts";
import type { ClientConnection } from "./client-connection.ts";

/** Sessions whose X11 connections are accepted. */
const x11Sessions = new WeakMap<ClientConnection, Set<Channel>>();

/**
 * Prepares for the X11 connections of a session that requests forwarding now. Call the returned function with whether the server granted
 * it: the event "x11" is then emitted for each connection until either side closes the session.
 */
export function acceptX11(client: ClientConnection, channel: Channel): (granted: boolean) => void {
  const mux = client[MUX];
  const sessions = x11Sessions.get(client) ?? new Set();
  x11Sessions.set(client, sessions);
  if (mux !== undefined)
    acceptChannels(client, mux, "x11", (data) => {
      if (![...sessions].some(isOpen)) return undefined;
      const reader = new Reader(data, "x11 channel");
      const info = { srcIP: reader.utf8("originator address"), srcPort: reader.uint32("originator port") };
      return ({ accept, reject }) => client.emit("x11", info, accept, reject);
    });
  return (granted) => {
    if (!granted) return;
    client._acceptX11 = sessions.add(channel).size;
    void channel[CHANNEL].ended.then(() => {
      sessions.delete(channel);
      client._acceptX11 = sessions.size;
    });
  };
}

function isOpen({ outgoing, [CHANNEL]: channel }: Channel): boolean {
  return !channel.closed && (outgoing.state === "open" || outgoing.state === "eof");
}
