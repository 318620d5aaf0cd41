import { SshError } from "@nacre/wire";

/** Returns whether a file failed because the server gave its handle to another one too. It is moved again, with no other file open. */
export function isReusedHandle(error: unknown): boolean {
  return error instanceof SshError && error.code === "sftp-handle-reused";
}
