import { forwardedStreamlocal, tcpipChannel, Writer } from "@nacre/wire";
import { Channel } from "../channel/channel.ts";
import { type OpenCallback, open } from "../channel/open-channel.ts";
import { toText } from "../client/arguments.ts";
import { type Connection, MUX } from "../connection.ts";
import { ssh2Error } from "../errors.ts";

/** Gets the channel, or why it was not opened. */
export type ChannelCallback = OpenCallback<Channel>;

/** Ends of a connection that the server forwards to its client. */
export interface ForwardedEnds {
  /** Address and port as the client asked to bind them. */
  readonly boundAddress: string;
  readonly boundPort: number;
  /** Where the connection comes from. */
  readonly remoteAddress: string;
  readonly remotePort: number;
}

export function openForwarded(connection: Connection, ends: ForwardedEnds, callback: ChannelCallback): void {
  const data = tcpipChannel.encode({
    address: toText(ends.boundAddress, "boundAddr"),
    port: ends.boundPort >>> 0,
    originatorAddress: toText(ends.remoteAddress, "remoteAddr"),
    originatorPort: ends.remotePort >>> 0,
  });
  openChannel(connection, "forwarded-tcpip", data, callback);
}

export function openForwardedSocket(connection: Connection, path: string, callback: ChannelCallback): void {
  const data = forwardedStreamlocal.encode({ path: toText(path, "socketPath"), reserved: new Uint8Array(0) });
  openChannel(connection, "forwarded-streamlocal@openssh.com", data, callback);
}

export function openX11(
  connection: Connection,
  { originAddress, originPort }: { readonly originAddress: string; readonly originPort: number },
  callback: ChannelCallback,
): void {
  const data = new Writer()
    .string(toText(originAddress, "originAddr"))
    .uint32(originPort >>> 0)
    .finish();
  openChannel(connection, "x11", data, callback);
}

export function openAgent(connection: Connection, callback: ChannelCallback): void {
  openChannel(connection, "auth-agent@openssh.com", new Uint8Array(0), callback);
}

/** Opens a channel to the client. Calls back with an error, too, before the login and after the end. */
function openChannel(connection: Connection, type: string, data: Uint8Array, callback: ChannelCallback): void {
  const { [MUX]: mux } = connection;
  if (mux === undefined) {
    process.nextTick(callback, ssh2Error("Not connected"));
    return;
  }
  open(connection, mux, type, data, (error, channel) => {
    if (channel === undefined) callback(error, undefined);
    else callback(undefined, new Channel(connection, channel, { type, server: true }));
  });
}
