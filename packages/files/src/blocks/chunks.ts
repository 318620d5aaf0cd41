import type { Bytes, SshError } from "@nacre/wire";
import { onAbort } from "nacre/extend";
import { abortError, type CallContext, throwIfAborted } from "../remote/call.ts";
import type { OpenFile, SftpChannel } from "../remote/sftp-channel.ts";
import { BlockReader, type BlockSink, type ReadRange } from "./block-reader.ts";

/**
 * Reads a file as chunks. The next ones are requested while the caller uses one. A chunk is valid until the next one is taken, because its
 * memory is used again: new memory costs as much time as the copy into it. Throws `aborted`, or the server's error.
 */
export async function* readChunks(
  channel: SftpChannel,
  file: OpenFile,
  range: ReadRange,
  context: CallContext,
): AsyncGenerator<Bytes, void> {
  /** Memory of chunks that have been used. */
  const free: Bytes[] = [];
  const parts = readParts(channel, file, range, context, (receive) => ({
    memory(_, length) {
      const memory = free.pop();
      return memory !== undefined && memory.length >= length ? memory.subarray(0, length) : new Uint8Array(length);
    },
    block: (bytes) => receive([bytes], bytes.length),
  }));
  for await (const [chunk] of parts) {
    yield chunk!;
    free.push(new Uint8Array(chunk!.buffer));
  }
}

/**
 * Reads a file as chunks in the pieces in which they arrived, without a copy of most of them. The caller owns the pieces and their buffers.
 * The next chunks are requested while the caller uses one. Throws `aborted`, or the server's error.
 */
export function readPieces(
  channel: SftpChannel,
  file: OpenFile,
  range: ReadRange,
  context: CallContext,
): AsyncGenerator<readonly Bytes[], void> {
  return readParts(channel, file, range, context, (receive) => ({
    block: (bytes) => receive([bytes], bytes.length),
    pieces: receive,
  }));
}

type PartSink = Pick<BlockSink, "memory" | "block" | "pieces">;

/** Reads a file in parts, each in one or more pieces, which the sink passes to `receive`. */
async function* readParts(
  channel: SftpChannel,
  file: OpenFile,
  range: ReadRange,
  context: CallContext,
  sinkFor: (receive: (pieces: readonly Bytes[], length: number) => void) => PartSink,
): AsyncGenerator<readonly Bytes[], void> {
  throwIfAborted(context);
  const parts: { readonly pieces: readonly Bytes[]; readonly length: number }[] = [];
  let end: { readonly error: SshError | undefined } | undefined;
  let wake: (() => void) | undefined;
  const finish = (error: SshError | undefined): void => {
    end ??= { error };
    wake?.();
  };
  const sink = {
    ...sinkFor((pieces, length) => {
      parts.push({ pieces, length });
      wake?.();
    }),
    end: () => finish(undefined),
    failed: finish,
  };
  const reader = new BlockReader(channel, file, sink, range);
  const { signal } = context;
  const unwatch = signal && onAbort(signal, () => finish(abortError(context)));
  try {
    reader.start();
    for (;;) {
      const part = parts.shift();
      if (part !== undefined) {
        yield part.pieces;
        reader.consumed(part.length);
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
