import { type Channel as MuxChannel, SshError } from "nacre/extend";
import { callProgram } from "../call-program.ts";
import { afterClose, type Connection, type ConnectionMux, noResponse, whenReady } from "../connection.ts";
import { ssh2Error } from "../errors.ts";
import { Channel, type ChannelInfo } from "./channel.ts";
import { channelsOf } from "./channel-manager.ts";

/** Gets the outcome of an open: an error, or the channel. */
export type OpenCallback<T> = (error: Error | undefined, channel?: T) => void;

/**
 * Opens a channel when the connection can. Calls `callback` in the turn of the answer, before any event of the channel. Throws "Not
 * connected".
 */
export function openWhenReady(
  connection: Connection,
  type: string,
  data: Uint8Array | undefined,
  callback: OpenCallback<MuxChannel>,
): void {
  whenReady(connection, (mux) => open(connection, mux, type, data, callback), callback);
}

/** Opens a channel and makes it a stream. */
export function openStream(
  connection: Connection,
  type: string,
  data: Uint8Array | undefined,
  callback: OpenCallback<Channel>,
  info: Omit<ChannelInfo, "type" | "server"> & { readonly server?: boolean } = {},
): void {
  openWhenReady(connection, type, data, (error, channel) => {
    if (channel === undefined) callback(error);
    else callback(undefined, new Channel(connection, channel, { server: false, ...info, type }));
  });
}

/**
 * Opens a channel of a connection that is logged in, for both roles. `callback` always gets an answer, also when the channel cannot be
 * opened.
 */
export function open(
  connection: Connection,
  mux: ConnectionMux,
  type: string,
  data: Uint8Array | undefined,
  callback: OpenCallback<MuxChannel>,
): void {
  const answered = channelsOf(connection).opening();
  const settle = (error: Error | undefined, channel?: MuxChannel): void => {
    answered();
    callProgram(connection, () => callback(error, channel));
  };
  try {
    mux.open(type, data, {
      opened: (channel) => settle(undefined, channel),
      refused: (reason, description) => settle(openFailure(reason, description)),
      lost: () => afterClose(connection, () => settle(noResponse())),
    });
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    if (error.code === "channel-limit") settle(ssh2Error("No free channels available", { cause: error }));
    else if (error.code === "usage") settle(ssh2Error(error.message, { cause: error }));
    else afterClose(connection, () => settle(noResponse()));
  }
}

/** Returns the error of a refused open. `description` is the peer's text. */
function openFailure(reason: number, description: string): Error {
  return ssh2Error(`(SSH) Channel open failure: ${description}`, { reason });
}
