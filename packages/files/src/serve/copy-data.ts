import type { CopyDataRequest } from "@nacre/sftp";
import { FileSystemError } from "./file-error.ts";
import type { OpenHandle } from "./open-handle.ts";

/** Bytes copied at a time. */
const BLOCK = 256 * 1024;

/**
 * Copies between two open files (copy-data). Copies at most up to the size that the source has at the start, so that a copy of a file to
 * its own end finishes. Stops when `isOver` returns true. Fails with EINVAL if the ranges of one file overlap.
 */
export async function copyData(request: CopyDataRequest<OpenHandle>, isOver: () => boolean): Promise<void> {
  const { readHandle: from, writeHandle: to, readOffset, writeOffset, length } = request;
  if (from.kind !== "file" || to.kind !== "file") throw new FileSystemError("EINVAL");
  const { size } = await from.file.stat();
  const end = Math.min(
    length === 0 ? Number.MAX_SAFE_INTEGER : readOffset + length,
    /* rule: sftp-copy-end */ size === undefined ? Number.MAX_SAFE_INTEGER : Number(size),
  );
  if (from === to && readOffset < writeOffset + (end - readOffset) && writeOffset < end)
    throw new FileSystemError("EINVAL");
  for (let at = readOffset; at < end && !isOver(); ) {
    const length = Math.min(BLOCK, end - at);
    const bytes = from.file.readNow?.(at, length)?.slice() ?? (await from.file.read(at, length)).slice();
    if (bytes.length === 0) return;
    const start = writeOffset + (at - readOffset);
    // Before the write: a file of a disk frees the bytes.
    at += bytes.length;
    await to.file.write(start, bytes);
  }
}
