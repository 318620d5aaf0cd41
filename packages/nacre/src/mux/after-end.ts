import { SshError } from "@nacre/wire";

/**
 * Returns the error of a call after the end: a new one, so that its stack shows that call. It has the code and culprit of `cause`, the
 * error that ended the connection or what else `what` names.
 */
export function afterEnd(cause: SshError, what = "the connection"): SshError {
  return new SshError(cause.code, `${what} has ended: ${cause.message}`, { cause });
}
