import { SshError } from "@nacre/wire";

/** Returns the message of an error for the log. Only that of an `SshError` contains no secrets. */
export function messageOf(error: unknown): string {
  return error instanceof SshError ? error.message : "an unexpected error";
}
