import { escapeText, SshError } from "@nacre/wire";
import { readPieces } from "../../blocks/read.ts";
import { type CallContext, call } from "../../channel/call.ts";
import { openFile } from "../../channel/open-file.ts";
import type { OpenFile, SftpChannel } from "../../channel/sftp-channel.ts";
import { type Chunk, lengthOf } from "../../local/chunk.ts";
import type { TokenBucket } from "./token-bucket.ts";
import type { ReadOptions } from "./trees.ts";

/** Part of a file to read, and at what rate. Opening a file of the server always follows links. */
export type RemoteRange = Omit<ReadOptions, "follow">;

/**
 * Reads a file of the server from a position to its end. If it ends early, asks for its size again. Throws `sftp-failure` if the
 * server still states a larger size.
 */
export async function* readRemote(
  channel: SftpChannel,
  path: string,
  range: RemoteRange,
  context: CallContext,
): AsyncGenerator<Chunk, void> {
  const { start, size, bucket } = range;
  const file = await openFile(channel, path, "r", {}, context);
  try {
    const chunks =
      bucket === undefined
        ? readPieces(channel, file, { start, size }, context)
        : readLimited(channel, file, range, bucket, context);
    let position = start;
    for await (const chunk of chunks) {
      position += lengthOf(chunk);
      yield chunk;
    }
    if (position < size) await assertEnd(channel, file, position, size, context);
  } finally {
    channel.release(file.handle);
  }
}

/** Requests one piece at a time, because pieces requested ahead would arrive at full speed. */
async function* readLimited(
  channel: SftpChannel,
  file: OpenFile,
  { start, size }: RemoteRange,
  bucket: TokenBucket,
  context: CallContext,
): AsyncGenerator<Chunk, void> {
  for (let position = start; ; ) {
    const end = position + bucket.piece;
    const expected = Math.max(0, Math.min(end, size) - position);
    if (expected > 0) await bucket.take(expected, context.signal);
    let count = 0;
    for await (const chunk of readPieces(channel, file, { start: position, end, size }, context)) {
      const length = lengthOf(chunk);
      yield chunk;
      count += length;
    }
    position += count;
    if (count > expected) await bucket.take(count - expected, context.signal);
    if (count < bucket.piece && (count === 0 || position >= size)) return;
  }
}

/** Rejects unless the server now states a size of at most `end` bytes, because the file has become shorter. */
async function assertEnd(
  channel: SftpChannel,
  { handle, path }: OpenFile,
  end: number,
  stated: number,
  context: CallContext,
): Promise<void> {
  const { attributes } = await call(channel, { type: "fstat", handle }, "attributes", context);
  const size = Number(attributes.size ?? stated);
  // rule: transfer-truncated
  if (size > end)
    throw new SshError(
      "sftp-failure",
      `"${escapeText(path)}" ended after ${end} bytes, but the server states a size of ${size}; transfer it again, or print it by a command such as cat if it never has its size, like the files of /sys`,
    );
}
