import type { SshError } from "@nacre/wire";
import { connectionError, disconnectText } from "../connection-errors.ts";
import { DISCONNECT_REASON } from "../constants.ts";
import { type Ssh2Error, ssh2Error } from "../errors.ts";

/** Reason and text of a client that disconnected. */
export interface Disconnect {
  readonly reasonCode: number;
  readonly description: string;
}

/**
 * Returns the error that a connection of a server emits for its end; `undefined` if either side ended it in order. `disconnect` is the
 * client's last message, if it sent one.
 */
export function endError(error: SshError, disconnect: Disconnect | undefined): Error | undefined {
  switch (error.code) {
    case "closed":
    case "aborted":
      return undefined;
    case "disconnected":
      return disconnect && disconnectError(disconnect);
    case "connection-lost":
      return socketError(error.cause);
    default:
      return connectionError(error);
  }
}

/** ssh2 reports no disconnect by the application. */
function disconnectError({ reasonCode, description }: Disconnect): Error | undefined {
  if (reasonCode === DISCONNECT_REASON.BY_APPLICATION) return undefined;
  return ssh2Error(disconnectText(reasonCode, description), { code: reasonCode });
}

/** Returns the system's error of the socket, with ssh2's level. A client that just closes its socket causes none. */
function socketError(cause: unknown): Error | undefined {
  if (!(cause instanceof Error) || (cause as Ssh2Error).code === undefined) return undefined;
  return Object.assign(cause, { level: "socket" });
}
