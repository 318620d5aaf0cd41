import type { Bytes, SshError } from "@nacre/wire";
import { onAbort } from "../on-abort.ts";
import { BlockReader, type ReadRange } from "./block-reader.ts";
import { abortError, type CallContext, throwIfAborted } from "./call.ts";
import type { OpenFile, SftpChannel } from "./sftp-channel.ts";

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
  throwIfAborted(context);
  const chunks: Bytes[] = [];
  /** Memory of chunks that have been used. */
  const free: Bytes[] = [];
  let end: { readonly error: SshError | undefined } | undefined;
  let wake: (() => void) | undefined;
  const finish = (error: SshError | undefined): void => {
    end ??= { error };
    wake?.();
  };
  const sink = {
    memory(_: number, length: number) {
      const memory = free.pop();
      return memory !== undefined && memory.length >= length ? memory.subarray(0, length) : new Uint8Array(length);
    },
    block(bytes: Bytes) {
      chunks.push(bytes);
      wake?.();
    },
    end: () => finish(undefined),
    failed: finish,
  };
  const reader = new BlockReader(channel, file, sink, range);
  const { signal } = context;
  const unwatch = signal && onAbort(signal, () => finish(abortError(context)));
  try {
    reader.start();
    for (;;) {
      const chunk = chunks.shift();
      if (chunk !== undefined) {
        yield chunk;
        free.push(new Uint8Array(chunk.buffer));
        reader.consumed(chunk.length);
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
