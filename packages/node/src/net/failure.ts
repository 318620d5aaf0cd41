import { escapeText, SshError } from "@nacre/wire";

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

/** Returns whether this is an error of the runtime's permissions. */
export function isDenied(cause: unknown): boolean {
  const { name, code } = (cause ?? {}) as NodeJS.ErrnoException;
  return DENIED.includes(name) || DENIED.includes(code);
}
