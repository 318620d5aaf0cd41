import { type ChannelHandler, Channel as MuxChannel } from "nacre/extend";
import { type Connection, MUX } from "../connection.ts";

/**
 * Returns a channel that the peer has closed before the application accepted it. Its handler learns so in the next round of the event
 * loop. Until then the application can add listeners and write; nothing is sent.
 */
export function closedChannel(connection: Connection): MuxChannel {
  const channel = new MuxChannel(NO_HOST, -1);
  // A channel without a handler would replay its end in the constructor of the stream.
  channel.handler = IGNORE_ALL;
  channel.onClosed(undefined);
  setImmediate(() => channel.handler.closed({ error: undefined, broken: connection[MUX] === undefined }));
  return channel;
}

/** A closed channel uses its host only for this. */
const NO_HOST = { machine: { peerVersion: undefined } } as ConstructorParameters<typeof MuxChannel>[0];

const IGNORE_ALL: ChannelHandler = { data() {}, writable() {}, eof() {}, request() {}, closed() {} };
