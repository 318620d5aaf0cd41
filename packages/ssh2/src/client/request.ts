import { SshError } from "@nacre/wire";
import type { Channel as MuxChannel } from "nacre/extend";
import { callProgram } from "../call-program.ts";
import { afterClose, type Connection } from "../connection.ts";
import { ssh2Error } from "../errors.ts";

/** A request on a session. */
export interface SessionRequest {
  readonly type: string;
  readonly data: Uint8Array;
  /** Message of the error if the server refuses it. */
  readonly refusal: string;
}

/**
 * Sends a request of a session. Calls `done` in the turn of the reply: with the error of the request if the server refuses it, or if the
 * channel or the connection ends before.
 */
export function request(
  connection: Connection,
  channel: MuxChannel,
  { type, data, refusal }: SessionRequest,
  done: (error?: Error) => void,
): void {
  try {
    channel.request(type, data, (success) => {
      const answered = (): void => done(success ? undefined : ssh2Error(refusal));
      // A channel that is already closed has lost its connection.
      if (!success && channel.closed) afterClose(connection, answered);
      else callProgram(connection, answered);
    });
  } catch (error) {
    done(unsendable(error));
  }
}

/** Returns the error of a request that cannot be sent: it is too long, or the channel has closed. Rethrows errors of other classes. */
export function unsendable(error: unknown): Error {
  if (!(error instanceof SshError)) throw error;
  return ssh2Error(error.code === "usage" ? error.message : "Channel is not open", { cause: error });
}

/** Sends each request when the one before is granted. */
export function askInTurn(
  connection: Connection,
  channel: MuxChannel,
  [first, ...others]: readonly SessionRequest[],
  done: (error?: Error) => void,
): void {
  if (first === undefined) return done();
  request(connection, channel, first, (error) => {
    if (error === undefined) askInTurn(connection, channel, others, done);
    else done(error);
  });
}
