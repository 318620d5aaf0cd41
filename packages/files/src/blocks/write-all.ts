import { type SshError, utf8Encode } from "@nacre/wire";
import { isBytes, onAbort, usage } from "nacre/extend";
import { abortError, ask, type CallContext, throwIfAborted } from "../channel/call.ts";
import type { OpenFile, SftpChannel } from "../channel/sftp-channel.ts";
import { BlockWriter } from "./block-writer.ts";

type Chunk = string | Uint8Array;

/** Contents of a file: text, which is written as UTF-8, bytes, or a stream or iterable of both. */
export type FileData =
  | string
  | Uint8Array
  | Iterable<string | Uint8Array>
  | AsyncIterable<string | Uint8Array>
  | ReadableStream<string | Uint8Array>;

/** Where to write. */
export interface WritePlace {
  /** First position in bytes; default 0. */
  readonly position?: number | undefined;
  /** Whether the file is open for appending, so that the server ignores positions. */
  readonly isAppend?: boolean | undefined;
}

/**
 * Writes all data to a file and resolves with the number of bytes when the server has written them. Rejects with `aborted`, the server's
 * error, or that of the iterable. `onSent` is called when all requests are sent.
 */
export async function writeAll(
  channel: SftpChannel,
  file: OpenFile,
  data: FileData,
  { position: start = 0, isAppend = false }: WritePlace,
  context: CallContext,
  onSent?: () => void,
): Promise<number> {
  throwIfAborted(context);
  const position = isAppend ? await sizeOf(channel, file, context) : start;
  let failure: SshError | undefined;
  let onFailure: ((error: SshError) => void) | undefined;
  let onRoom: (() => void) | undefined;
  const failed = (error: SshError): void => {
    failure ??= error;
    onFailure?.(failure);
  };
  /** Resolves like `work`, or rejects as soon as writing fails. */
  const unlessFailed = <T>(work: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      onFailure = reject;
      if (failure !== undefined) reject(failure);
      work.then(resolve, reject);
    });
  const writer = new BlockWriter(channel, file, { room: () => onRoom?.(), failed }, position, isAppend);
  const write = async (chunk: Chunk): Promise<void> => {
    let rest = bytesOf(chunk);
    for (;;) {
      if (failure !== undefined) throw failure;
      rest = rest.subarray(writer.write(rest));
      if (rest.length === 0) return;
      await unlessFailed(
        new Promise<void>((resolve) => {
          onRoom = resolve;
        }),
      );
    }
  };
  const { signal } = context;
  const unwatch = signal && onAbort(signal, () => failed(abortError(context)));
  try {
    if (typeof data === "string" || isBytes(data)) await write(data);
    else await forEachChunk(data, unlessFailed, write);
    await unlessFailed(writer.finish(onSent));
    return writer.position - position;
  } finally {
    unwatch?.();
    writer.stop();
  }
}

/** Returns the size of a file that is open for appending: some servers write at the position even then. 0 if the server cannot tell. */
export async function sizeOf(channel: SftpChannel, file: OpenFile, context: CallContext): Promise<number> {
  const answer = await ask(channel, { type: "fstat", handle: file.handle }, context);
  return answer.type === "attributes" ? Number(answer.attributes.size ?? 0n) : 0;
}

/** Calls `use` with each chunk in order. Stops the iterable if `use` or a wait for the next chunk fails. */
async function forEachChunk(
  data: Exclude<FileData, Chunk>,
  unlessFailed: <T>(work: Promise<T>) => Promise<T>,
  use: (chunk: Chunk) => Promise<void>,
): Promise<void> {
  const iterator = iteratorOf(data);
  let isOver = false;
  try {
    for (;;) {
      const { done, value } = await unlessFailed(Promise.resolve(iterator.next()));
      isOver = done === true;
      if (isOver) return;
      await use(value as Chunk);
    }
  } catch (error) {
    // Not awaited: an iterable that waits for its next chunk would delay the error.
    if (!isOver) Promise.resolve(iterator.return?.()).catch(() => {});
    throw error;
  }
}

function bytesOf(chunk: unknown): Uint8Array {
  if (typeof chunk === "string") return utf8Encode(chunk);
  if (isBytes(chunk)) return chunk;
  throw usage(`the data of a file must be strings or Uint8Arrays, got a value of type ${typeof chunk}`);
}

/** Returns an iterator over the chunks. Some browsers cannot iterate over their own streams. */
function iteratorOf(data: Exclude<FileData, Chunk>): AsyncIterator<Chunk> | Iterator<Chunk> {
  // JavaScript programs may pass any value.
  const given = Object(data) as Partial<AsyncIterable<Chunk> & Iterable<Chunk> & ReadableStream<Chunk>>;
  if (typeof given[Symbol.asyncIterator] === "function") return given[Symbol.asyncIterator]!();
  if (typeof given[Symbol.iterator] === "function") return given[Symbol.iterator]!();
  if (typeof given.getReader === "function") return chunksOf(data as ReadableStream<Chunk>);
  throw usage("the data of a file must be a string, a Uint8Array, or a stream or iterable of them");
}

async function* chunksOf(stream: ReadableStream<Chunk>): AsyncGenerator<Chunk, void> {
  const reader = stream.getReader();
  let isWhole = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      isWhole = done;
      if (value === undefined) return;
      yield value;
    }
  } finally {
    if (!isWhole) await reader.cancel();
    reader.releaseLock();
  }
}
