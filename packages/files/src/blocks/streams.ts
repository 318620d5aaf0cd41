import { type Bytes, concatBytes, SshError } from "@nacre/wire";
import { onAbort, type StreamKind, type StreamTypes } from "nacre/extend";
import { abortError, type CallContext } from "../channel/call.ts";
import type { OpenFile, SftpChannel } from "../channel/sftp-channel.ts";
import { BlockReader, type ReadRange } from "./block-reader.ts";
import { BlockWriter } from "./block-writer.ts";
import { sizeOf, type WritePlace } from "./write-all.ts";

/** Opens and closes the file of a stream. */
export interface StreamFile {
  /** Resolves with the file. */
  readonly open: () => Promise<OpenFile>;
  /** Closes the file. Rejects if the server reports an error. */
  readonly close: (file: OpenFile) => Promise<void>;
}

/** Returns a stream of a file's bytes. It fails with `aborted`, the error of opening the file, or that of the server. */
export function readStream<K extends StreamTypes>(
  channel: SftpChannel,
  streams: StreamKind<K>,
  { open, close }: StreamFile,
  range: ReadRange,
  context: CallContext,
): K["readable"] {
  let reader: BlockReader | undefined;
  let opened: OpenFile | undefined;
  let isOver = false;
  let unwatch: (() => void) | undefined;
  const over = (): void => {
    isOver = true;
    unwatch?.();
    reader?.stop();
    // Nothing was written, so nothing is lost if the close fails.
    if (opened !== undefined) close(opened).catch(() => {});
  };
  const output = streams.readable({
    consumed: (length) => reader?.consumed(length),
    cancelled() {
      if (!isOver) over();
    },
  });
  const finish = (error?: SshError): void => {
    if (isOver) return;
    over();
    output.finish(error);
  };
  const { signal } = context;
  unwatch = signal && onAbort(signal, () => finish(abortError(context)));
  const start = async (): Promise<void> => {
    try {
      const file = await open();
      opened = file;
      if (isOver) {
        await close(file);
        return;
      }
      const block = (pieces: readonly Bytes[]): void => output.receive(concatBytes(...pieces));
      const sink = { block, end: finish, failed: finish };
      reader = new BlockReader(channel, file, sink, range);
      reader.start();
    } catch (error) {
      finish(error as SshError);
    }
  };
  void start();
  return output.stream;
}

/**
 * Returns a stream that writes to a file. It finishes when the server has written everything and closed the file. It fails with `aborted`,
 * the error of opening the file, or that of the server. What was written before a failure stays.
 */
export function writeStream<K extends StreamTypes>(
  channel: SftpChannel,
  streams: StreamKind<K>,
  { open, close }: StreamFile,
  { position, isAppend }: WritePlace,
  context: CallContext,
): K["writable"] {
  let writer: BlockWriter | undefined;
  let isOver = false;
  let stop!: (error: SshError) => void;
  /** Rejects when the stream stops before its end. */
  const stopped = new Promise<never>((_, reject) => {
    stop = reject;
  });
  stopped.catch(() => {});
  const { signal } = context;
  let unwatch: (() => void) | undefined;
  const opening = open();
  let closing: Promise<void> | undefined;
  /** Closes the file once: a second CLOSE could close another file, to which the server has given the handle meanwhile. */
  const closeOnce = (file: OpenFile): Promise<void> => (closing ??= close(file));
  /** Stops writing and closes the file. */
  const giveUp = (error: SshError): void => {
    isOver = true;
    unwatch?.();
    writer?.stop();
    stop(error);
    opening.then(closeOnce).catch(() => {}); // The stream has failed with an earlier error.
  };
  const fail = (error: SshError): void => {
    if (isOver) return;
    giveUp(error);
    input.fail(error);
  };
  const finish = async (): Promise<void> => {
    const file = await opening;
    await starting;
    await writer?.finish();
    if (isOver) return;
    await closeOnce(file);
    isOver = true;
    unwatch?.();
  };
  const input = streams.writable({
    write: (bytes) => writer?.write(bytes) ?? 0,
    end: () => Promise.race([finish(), stopped]),
    abort() {
      if (!isOver) giveUp(new SshError("closed", "the stream was aborted before its end; the file is incomplete"));
    },
  });
  unwatch = signal && onAbort(signal, () => fail(abortError(context)));
  const start = async (): Promise<void> => {
    try {
      const file = await opening;
      const from = isAppend === true ? await sizeOf(channel, file, context) : position;
      if (isOver) return;
      writer = new BlockWriter(channel, file, { room: () => input.room(), failed: fail }, from, isAppend);
      input.room();
    } catch (error) {
      fail(error as SshError);
    }
  };
  const starting = start();
  return input.stream;
}
