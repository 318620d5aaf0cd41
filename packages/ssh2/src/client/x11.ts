import { Reader } from "@nacre/wire";
import type { Channel } from "../channel/channel.ts";
import { MUX } from "../connection.ts";
import { acceptChannels } from "./channel-opens.ts";
import type { ClientConnection } from "./client-connection.ts";

/**
 * Prepares for the X11 connections of a session that requests forwarding now. Call the returned function with whether the server granted
 * it: the event "x11" is then emitted for each connection until the session ends.
 */
export function acceptDisplay(client: ClientConnection, channel: Channel): (granted: boolean) => void {
  const mux = client[MUX];
  if (mux !== undefined)
    acceptChannels(client, mux, "x11", (data) => {
      if (!client._acceptX11) return undefined;
      const reader = new Reader(data, "x11 channel");
      const info = { srcIP: reader.utf8("originator address"), srcPort: reader.uint32("originator port") };
      return ({ accept, reject }) => client.emit("x11", info, accept, reject);
    });
  return (granted) => {
    if (!granted) return;
    count(client, 1);
    channel.once("close", () => count(client, -1));
  };
}

function count(client: ClientConnection, change: number): void {
  client._acceptX11 = Math.max(0, (client._acceptX11 ?? 0) + change);
}
