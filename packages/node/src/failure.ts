import { escapeText, SshError } from "@nacre/wire";

/** What a runtime's permission model throws: Deno, and Node with --permission. */
const DENIED: readonly unknown[] = ["NotCapable", "PermissionDenied", "ERR_ACCESS_DENIED"];

/**
 * Runs what an application has called, so that whatever it rejects with is an `SshError`: `usage` for what the runtime's permissions forbid,
 * `internal` for any other error, which stays its cause.
 */
export async function rejectingWithSshError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw asSshError(cause);
  }
}

/** Returns the `SshError` for whatever was thrown, by the rules of `rejectingWithSshError`. */
export function asSshError(cause: unknown): SshError {
  if (cause instanceof SshError) return cause;
  const { name, code } = (cause ?? {}) as NodeJS.ErrnoException;
  const text = escapeText(cause instanceof Error ? cause.message : String(cause));
  if (DENIED.includes(name) || DENIED.includes(code))
    return new SshError("usage", `this runtime does not permit it: ${text}`, { cause });
  return new SshError("internal", `an unexpected error: ${text}`, { cause });
}
