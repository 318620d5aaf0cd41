import { Reader } from "@nacre/wire";
import { CHANNEL, type Channel } from "../channel/channel.ts";
import { type ConnectionMux, MUX } from "../connection.ts";
import { acceptChannels } from "./channel-opens.ts";
import type { ClientConnection } from "./client-connection.ts";

/** Sessions whose X11 connections are accepted, by connection. */
const x11Sessions = new WeakMap<ConnectionMux, Set<Channel>>();

/**
 * Prepares for the X11 connections of a session that requests forwarding now. Call the returned function with whether the server granted
 * it: the event "x11" is then emitted for each connection until either side closes the session.
 */
export function acceptX11(client: ClientConnection, channel: Channel): (granted: boolean) => void {
  const mux = client[MUX];
  // The connection is over, or not the latest one.
  if (mux === undefined) return () => {};
  const sessions = x11Sessions.get(mux) ?? new Set();
  x11Sessions.set(mux, sessions);
  acceptChannels(client, mux, "x11", (data) => {
    if (![...sessions].some(isOpen)) return undefined;
    const reader = new Reader(data, "x11 channel");
    const info = { srcIP: reader.utf8("originator address"), srcPort: reader.uint32("originator port") };
    return ({ accept, reject }) => client.emit("x11", info, accept, reject);
  });
  const count = (): void => {
    if (client[MUX] === mux) client._acceptX11 = sessions.size;
  };
  return (granted) => {
    if (!granted) return;
    sessions.add(channel);
    count();
    void channel[CHANNEL].ended.then(() => {
      sessions.delete(channel);
      count();
    });
  };
}

function isOpen({ outgoing, [CHANNEL]: channel }: Channel): boolean {
  return !channel.closed && (outgoing.state === "open" || outgoing.state === "eof");
}
