import { escapeText, SshError } from "@nacre/wire";
import { showPath } from "../windows/system.ts";

/** Names and codes of permission errors: Deno, and Node with --permission. */
const DENIED: readonly unknown[] = ["NotCapable", "PermissionDenied", "ERR_ACCESS_DENIED"];

/**
 * Runs `work` and rejects only with an `SshError`: `usage` if the runtime's permissions forbid an operation, `internal` for any other
 * error. The original error is the cause.
 */
export async function rejectingWithSshError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw asSshError(cause);
  }
}

/** Returns the `SshError` for a thrown value, converted as in {@link rejectingWithSshError}. */
export function asSshError(cause: unknown): SshError {
  if (cause instanceof SshError) return cause;
  const text = escapeText(cause instanceof Error ? cause.message : String(cause));
  if (isDenied(cause)) return new SshError("usage", `denied by the runtime's permissions: ${text}`, { cause });
  return new SshError("internal", `unexpected error: ${text}`, { cause });
}

const LISTEN_REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is in use; choose another port, or 0 for a free port",
  EACCES: "permission denied; ports below 1024 usually require root",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "host name not found; check its spelling",
  EAI_AGAIN: "host name lookup failed; check the network connection",
};

/**
 * Returns the `listen-failed` error for a system error. `place` is where to listen. `reasons` precede the usual ones, by the code of the
 * system error.
 */
export function listenError(place: string, cause: unknown, reasons: Readonly<Record<string, string>> = {}): SshError {
  const { code = "", message } = cause as NodeJS.ErrnoException;
  const reason = reasons[code] ?? LISTEN_REASONS[code] ?? showPath(message);
  return new SshError("listen-failed", `cannot listen on ${showPath(place)}: ${reason}`, { cause });
}

/** Returns whether this is an error of the runtime's permissions. */
export function isDenied(cause: unknown): boolean {
  const { name, code } = (cause ?? {}) as NodeJS.ErrnoException;
  return DENIED.includes(name) || DENIED.includes(code);
}
