import { forwardedStreamlocal, tcpipChannel, Writer } from "@nacre/wire";
import { Channel } from "../channel/channel.ts";
import { afterClose, type Connection, MUX, noResponse } from "../connection.ts";
import { ssh2Error } from "../errors.ts";

/** Gets the channel, or why it was not opened. */
export type OpenCallback = (error: Error | undefined, channel?: Channel) => void;

/** Ends of a connection that the server forwards to its client. */
export interface ForwardedEnds {
  /** Address and port as the client asked to bind them. */
  readonly boundAddress: string;
  readonly boundPort: number;
  /** Where the connection comes from. */
  readonly remoteAddress: string;
  readonly remotePort: number;
}

export function openForwarded(connection: Connection, ends: ForwardedEnds, callback: OpenCallback): void {
  const data = tcpipChannel.encode({
    address: ends.boundAddress,
    port: ends.boundPort,
    originatorAddress: ends.remoteAddress,
    originatorPort: ends.remotePort,
  });
  openChannel(connection, "forwarded-tcpip", data, callback);
}

export function openForwardedSocket(connection: Connection, path: string, callback: OpenCallback): void {
  const data = forwardedStreamlocal.encode({ path, reserved: new Uint8Array(0) });
  openChannel(connection, "forwarded-streamlocal@openssh.com", data, callback);
}

export function openX11(
  connection: Connection,
  { originAddress, originPort }: { readonly originAddress: string; readonly originPort: number },
  callback: OpenCallback,
): void {
  openChannel(connection, "x11", new Writer().string(originAddress).uint32(originPort).finish(), callback);
}

export function openAgent(connection: Connection, callback: OpenCallback): void {
  openChannel(connection, "auth-agent@openssh.com", new Uint8Array(0), callback);
}

/** Opens a channel to the client. Calls back with an error, too, before the login and after the end. */
function openChannel(connection: Connection, type: string, data: Uint8Array, callback: OpenCallback): void {
  const { [MUX]: mux } = connection;
  if (mux === undefined) {
    process.nextTick(callback, ssh2Error("Not connected"));
    return;
  }
  mux.open(type, data, {
    opened: (channel) => callback(undefined, new Channel(connection, channel, { type, server: true })),
    refused: (reason, description) =>
      callback(ssh2Error(`(SSH) Channel open failure: ${description}`, { reason }), undefined),
    lost: () => afterClose(connection, () => callback(noResponse(), undefined)),
  });
}
