import { SshError } from "@nacre/wire";
import type { ServerContext } from "../server/server-user.ts";
import type { ForwardContext } from "./forwarding.ts";
import type { ForwardTypes } from "./server.ts";

export type ForwardsContext = ServerContext<ForwardTypes>;

/** Maximum length of a host name in characters (RFC 1035 §2.3.4). */
const MAX_HOST = 255;

/** Returns what the application's `forwarding` functions learn of the client. `signal` aborts when their result is not needed any more. */
export function forwardContext(
  { connection, login, permissions }: ForwardsContext,
  signal: AbortSignal,
): ForwardContext {
  const { user, factors, remoteAddress } = login;
  return { connection, user, factors, remoteAddress, forcedCommand: permissions.command, signal };
}

/** Returns the error for a request that is not permitted. Only the log shows its message. */
export function denied(message: string): SshError {
  return new SshError("forward-denied", message);
}

/** Returns whether a check of the client's address passes, and its host is short enough for a name. */
export function isAcceptable(check: () => void, host: string | undefined): boolean {
  try {
    check();
    return host === undefined || host.length <= MAX_HOST;
  } catch {
    return false;
  }
}

/** Reports a refused request to the server's log. */
export function logRefusal({ log }: ForwardsContext, request: string, error: unknown): void {
  log({ type: "request-refused", session: undefined, request, ...(error !== undefined && { error }) });
}
