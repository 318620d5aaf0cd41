import { SSH_FX } from "@nacre/sftp";
import { type Bytes, concatBytes, SshError } from "@nacre/wire";
import { FREED_FROM, freeBuffers, onAbort } from "nacre/extend";
import { abortError, ask, type CallContext, throwIfAborted } from "../channel/call.ts";
import { openFile } from "../channel/open-file.ts";
import type { OpenFile, SftpChannel } from "../channel/sftp-channel.ts";
import { BlockReader, type BlockSink, copyPieces, type ReadRange } from "./block-reader.ts";

/**
 * Reads a file in chunks, each in the pieces in which it arrived. A chunk is valid until the next one is taken: its memory is then freed,
 * which makes a long download a third faster than the garbage collector does. The next chunks are requested while the caller uses one.
 * Throws `aborted`, or the server's error.
 */
export async function* readPieces(
  channel: SftpChannel,
  file: OpenFile,
  range: ReadRange,
  context: CallContext,
): AsyncGenerator<readonly Bytes[], void> {
  throwIfAborted(context);
  const blocks: { readonly pieces: readonly Bytes[]; readonly length: number }[] = [];
  let end: { readonly error: SshError | undefined } | undefined;
  let wake: (() => void) | undefined;
  const finish = (error?: SshError): void => {
    end ??= { error };
    wake?.();
  };
  const block = (pieces: readonly Bytes[], length: number): void => {
    blocks.push({ pieces, length });
    wake?.();
  };
  const reader = new BlockReader(channel, file, { block, end: finish, failed: finish }, range);
  const { signal } = context;
  const unwatch = signal && onAbort(signal, () => finish(abortError(context)));
  try {
    reader.start();
    for (;;) {
      const next = blocks.shift();
      if (next !== undefined) {
        yield next.pieces;
        freeBuffers(next.pieces.map(({ buffer }) => buffer).filter(({ byteLength }) => byteLength >= FREED_FROM));
        reader.consumed(next.length);
      } else if (end === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else {
        if (end.error !== undefined) throw end.error;
        return;
      }
    }
  } finally {
    unwatch?.();
    reader.stop();
  }
}

/** Reads a file in chunks, like `readPieces`. A chunk is one array, valid until the next one is taken. */
export async function* readChunks(
  channel: SftpChannel,
  file: OpenFile,
  range: ReadRange,
  context: CallContext,
): AsyncGenerator<Bytes, void> {
  let memory: Bytes = new Uint8Array(0);
  for await (const pieces of readPieces(channel, file, range, context)) {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (memory.length < length) memory = new Uint8Array(length);
    yield memory.subarray(0, copyPieces(pieces, memory));
  }
}

/**
 * Splits chunks into lines, decoded as UTF-8, without "\n" or "\r\n". The last line needs no line end. A line is held in memory as a whole.
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  /** Pieces of a line whose end has not arrived. */
  let pieces: string[] = [];
  for await (const chunk of chunks) {
    const lines = decoder.decode(chunk, { stream: true }).split("\n");
    const last = lines.pop()!;
    for (const line of lines) {
      pieces.push(line);
      yield withoutReturn(pieces.join(""));
      pieces = [];
    }
    if (last !== "") pieces.push(last);
  }
  pieces.push(decoder.decode());
  const line = pieces.join("");
  if (line !== "") yield withoutReturn(line);
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

/** Maximum number of bytes that `readFile` reads by default: 1 GiB. */
export const MAX_FILE_LENGTH: number = 1024 ** 3;

/**
 * Largest size in bytes for which memory is taken before the bytes have arrived. A server may state any size. Systems back such memory
 * when it is first written to.
 */
const TRUSTED_SIZE = 256 * 1024 * 1024;

/** Reads a file, or a range of it. Rejects with `output-limit` for more than `maxLength` bytes, `aborted`, or the server's error. */
export async function readAll(
  channel: SftpChannel,
  file: OpenFile,
  range: ReadRange,
  maxLength: number,
  context: CallContext,
): Promise<Bytes> {
  const { start = 0 } = range;
  /** Memory for the whole file, once its size is known. */
  let whole: Bytes = new Uint8Array(0);
  let length = 0;
  /** Bytes that follow when `whole` is full. */
  const rest: Bytes[] = [];
  await read(channel, file, range, context, {
    sized(size) {
      const expected = size - start;
      if (expected > maxLength) throw tooLong(maxLength);
      if (expected > 0 && expected <= TRUSTED_SIZE && length === 0) whole = new Uint8Array(expected);
    },
    block(pieces, added) {
      const isWithin = rest.length === 0 && length + added <= whole.length;
      if (length + added > maxLength) throw tooLong(maxLength);
      if (isWithin) copyPieces(pieces, whole.subarray(length));
      else if (rest.length === 0) rest.push(whole.subarray(0, length), concatBytes(...pieces));
      else rest.push(concatBytes(...pieces));
      length += added;
    },
  });
  return rest.length === 0 ? whole.subarray(0, length) : concatBytes(...rest);
}

function tooLong(maxLength: number): SshError {
  return new SshError(
    "output-limit",
    `the file is longer than ${maxLength} bytes; read it as a stream, or raise \`maxLength\``,
  );
}

/**
 * Reads from `position` into buffers, one after the other. Resolves with the number of bytes: all, or fewer at the end of the file. Rejects
 * with `aborted`, or the server's error.
 */
export async function readInto(
  channel: SftpChannel,
  file: OpenFile,
  buffers: readonly Bytes[],
  position: number,
  context: CallContext,
): Promise<number> {
  const end = buffers.reduce((sum, { length }) => sum + length, position);
  const free = buffers.filter(({ length }) => length > 0);
  let filled = 0;
  await read(channel, file, { start: position, end, size: end }, context, {
    block(pieces, length) {
      filled += length;
      for (let piece of pieces)
        while (piece.length > 0) {
          const part = piece.subarray(0, free[0]!.length);
          free[0]!.set(part);
          piece = piece.subarray(part.length);
          if (part.length === free[0]!.length) free.shift();
          else free[0] = free[0]!.subarray(part.length);
        }
    },
  });
  return filled;
}

/** Reads a range of a file to its end, and passes its blocks to a collector. Rejects with what the collector throws, too. */
function read(
  channel: SftpChannel,
  file: OpenFile,
  range: ReadRange,
  context: CallContext,
  collector: Pick<BlockSink, "sized" | "block">,
): Promise<void> {
  return new Promise((resolve, reject) => {
    throwIfAborted(context);
    const { signal } = context;
    const unwatch = signal && onAbort(signal, () => failed(abortError(context)));
    const failed = (error: unknown): void => {
      unwatch?.();
      reader.stop();
      reject(error);
    };
    const collect = (work: () => void): void => {
      try {
        work();
      } catch (error) {
        failed(error);
      }
    };
    const reader = new BlockReader(
      channel,
      file,
      {
        sized: (size) => collect(() => collector.sized?.(size)),
        block(pieces, length) {
          collect(() => collector.block(pieces, length));
          reader.consumed(length);
        },
        end() {
          unwatch?.();
          resolve();
        },
        failed,
      },
      range,
    );
    reader.start();
  });
}

/**
 * Reads a file of `size` bytes in two round trips: the close follows the only read without waiting. Resolves with `undefined` if one
 * reply does not have exactly the whole file: its size has changed, or the server sends fewer bytes at once. Rejects with `aborted`, or
 * the server's error.
 */
export async function readShort(
  channel: SftpChannel,
  path: string,
  size: number,
  context: CallContext,
): Promise<Bytes | undefined> {
  const file = await openFile(channel, path, "r", {}, context);
  // One byte more shows whether the file has grown.
  const reading = ask(channel, { type: "read", handle: file.handle, offset: 0, length: size + 1 }, context);
  // Nothing was written, so nothing is lost if the close fails. It waits until the read is over.
  ask(channel, { type: "close", handle: file.handle }, { call: "close" }).catch(() => {});
  const answer = await reading;
  if (answer.type === "data") {
    if (answer.length !== size) return undefined;
    return answer.pieces.length === 1 ? answer.pieces[0]! : concatBytes(...answer.pieces);
  }
  return size === 0 && answer.type === "status" && answer.status === SSH_FX.EOF ? new Uint8Array(0) : undefined;
}
