import { escapeText } from "@nacre/wire";
import { isBytes, unlessAborted, usage } from "nacre/extend";
import { abortError, type CallContext } from "../../channel/call.ts";
import { type Chunk, joined } from "../../local/chunk.ts";
import type { NewAttributes, ReadOptions, SourceFiles, SourceStats, TargetFiles } from "./trees.ts";

/**
 * Takes the contents of a downloaded file, such as `(chunks) => pipeline(chunks, response)`. A chunk is valid until the next one is
 * requested. The download ends when the returned promise has resolved, and fails with its error. If it is aborted, it does not wait for it.
 */
export type TransferSink = (chunks: AsyncIterable<Uint8Array>) => Promise<unknown>;

/** Attributes of a stream, whose size is unknown until its end. */
const STREAM_STATS: SourceStats = { type: "file", size: 0, isUnsized: true };

/** Returns a source with the contents of an iterable. Throws `usage` for a chunk that is not bytes. */
export function iterableSource(chunks: AsyncIterable<Uint8Array>): SourceFiles {
  return {
    show: (path) => escapeText(path),
    stat: async () => STREAM_STATS,
    read: (_, { bucket }, { signal }) => checked(chunks, bucket, signal),
  };
}

async function* checked(
  chunks: AsyncIterable<Uint8Array>,
  bucket: ReadOptions["bucket"],
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunks) {
    if (!isBytes(chunk))
      throw usage(`an upload takes chunks of bytes (Uint8Array), got a value of type ${typeof chunk}`);
    const piece = bucket?.piece ?? chunk.length;
    for (let at = 0; at < chunk.length; at += piece) {
      const part = chunk.subarray(at, at + piece);
      await bucket?.take(part.length, signal);
      yield part;
    }
  }
}

/** Returns a target that passes the contents to a function. */
export function sinkTarget(sink: TransferSink): TargetFiles {
  return {
    lstat: async () => undefined,
    async write(
      _path: string,
      data: Uint8Array | AsyncIterable<Chunk>,
      _attributes: NewAttributes,
      context: CallContext,
    ): Promise<void> {
      let isWhole = false;
      const chunks = ended(data instanceof Uint8Array ? [data] : joined(data), () => {
        isWhole = true;
      });
      // It may wait for something else than the next chunk, and then does not know of an abort.
      await unlessAborted(Promise.resolve(sink(chunks)), context.signal, () => abortError(context));
      if (!isWhole) throw usage("the function that a download passes its contents to did not read them to the end");
    },
  };
}

async function* ended(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  onEnd: () => void,
): AsyncGenerator<Uint8Array, void> {
  yield* chunks;
  onEnd();
}
