import type { Bytes } from "@nacre/wire";
import { onAbort } from "nacre/extend";
import { abortError, type CallContext, throwIfAborted } from "../remote/call.ts";
import type { OpenFile, SftpChannel } from "../remote/sftp-channel.ts";
import { BlockReader } from "./block-reader.ts";

/**
 * Reads from `position` into buffers, one after the other. Resolves with the number of bytes: all, or fewer at the end of the file. The
 * server's bytes are copied once, straight into a buffer. Rejects with `aborted`, or the server's error.
 */
export function readInto(
  channel: SftpChannel,
  file: OpenFile,
  buffers: readonly Bytes[],
  position: number,
  context: CallContext,
): Promise<number> {
  const end = buffers.reduce((sum, { length }) => sum + length, position);
  let filled = 0;
  return new Promise((resolve, reject) => {
    throwIfAborted(context);
    const { signal } = context;
    const unwatch =
      signal &&
      onAbort(signal, () => {
        reader.stop();
        reject(abortError(context));
      });
    const sink = {
      memory(at: number, length: number) {
        const part = partOf(buffers, at - position);
        return part.length >= length ? part.subarray(0, length) : undefined;
      },
      block(bytes: Bytes) {
        let rest = bytes;
        while (rest.length > 0) {
          const part = partOf(buffers, filled);
          const taken = rest.subarray(0, part.length);
          if (taken.buffer !== part.buffer || taken.byteOffset !== part.byteOffset) part.set(taken);
          filled += taken.length;
          rest = rest.subarray(taken.length);
        }
        reader.consumed(bytes.length);
      },
      end() {
        unwatch?.();
        resolve(filled);
      },
      failed(error: unknown) {
        unwatch?.();
        reject(error);
      },
    };
    const reader = new BlockReader(channel, file, sink, { start: position, end, size: end });
    reader.start();
  });
}

/** Returns the rest of the buffer that holds the byte at `offset` of all buffers. */
function partOf(buffers: readonly Bytes[], offset: number): Bytes {
  let before = offset;
  for (const buffer of buffers) {
    if (before < buffer.length) return buffer.subarray(before);
    before -= buffer.length;
  }
  return new Uint8Array(0);
}
