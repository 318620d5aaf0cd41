import { Readable, Writable } from "node:stream";
import { breakRequest, SshError, signalRequest, windowChange } from "@nacre/wire";
import type { Channel, Exit } from "nacre";

/** What is kept of the error output that nobody has asked for: bytes. What comes after is dropped. */
const UNREAD_STDERR = 256 * 1024;

/** What a stream holds before it asks its other end to wait: bytes. */
const HIGH_WATER = 64 * 1024;

/**
 * A running remote command, with Node streams. When the connection breaks, whoever reads, writes or awaits `exit` gets the
 * error; a stream that nobody looks at does not end the program with an unhandled one.
 */
export class NodeProcess implements AsyncDisposable {
  /** What the command reads. Ending it says that no more will come; destroying it before that hangs the command up. */
  readonly stdin: Writable;
  /** What the command prints. Read it, or destroy it: unread output stops the command, as with a local pipe. */
  readonly stdout: Readable;
  /** How the command ended; rejects when the connection ended first. */
  readonly exit: Promise<Exit>;
  readonly #channel: Channel;
  readonly #stderr: Output;

  constructor(channel: Channel) {
    this.#channel = channel;
    this.exit = channel.exit;
    const stdin = new Input(channel);
    const stdout = new Output(channel, Number.POSITIVE_INFINITY);
    const stderr = new Output(channel, UNREAD_STDERR);
    this.stdin = stdin;
    this.stdout = stdout;
    this.#stderr = stderr;
    channel.handler = {
      data: (stream, bytes) => (stream === "stdout" ? stdout : stderr).receive(bytes),
      writable: () => stdin.room(),
      eof: () => {
        stdout.finish();
        stderr.finish();
      },
      closed: (_, error) => {
        stdout.finish(error);
        stderr.finish(error);
        stdin.destroy(error ?? new SshError("channel-closed", "the command has ended: it reads no more input"));
      },
    };
  }

  /** What the command prints to its error output. Until it is first looked at, at most 256 KiB are kept and the rest is dropped. */
  get stderr(): Readable {
    this.#stderr.open();
    return this.#stderr;
  }

  /** Sends a signal (RFC 4254 §6.9): `"TERM"`, `"INT"`, without "SIG". Servers may ignore it. */
  kill(signalName = "TERM"): void {
    this.#channel.notify("signal", signalRequest.encode({ signalName }));
  }

  /** Sends a break of that many milliseconds (RFC 4335). Rejects with `channel-request-failed` where there is none to send. */
  sendBreak(breakLength = 500): Promise<void> {
    return this.#channel.request("break", breakRequest.encode({ breakLength }));
  }

  /** Tells the pseudo-terminal its new size in characters (RFC 4254 §6.7). */
  resize(columns: number, rows: number): void {
    this.#channel.notify("window-change", windowChange.encode({ columns, rows, widthPixels: 0, heightPixels: 0 }));
  }

  /** Closes the channel: what runs is usually hung up. Resolves when it is closed. */
  async close(): Promise<void> {
    this.#channel.close();
    await this.exit.catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

interface Chunk {
  readonly bytes: Uint8Array;
  /** Window credit that returns when the stream takes the chunk. */
  readonly credit: number;
}

/** One output of a channel as a Readable: bytes count as consumed when the stream has asked for them. */
class Output extends Readable {
  readonly #channel: Channel;
  readonly #queue: Chunk[] = [];
  #keep: number;
  #wanted = false;
  #finished: { readonly error: SshError | undefined } | undefined;

  /** `keep`: how many bytes to hold, with their credit returned at once, until `open` is called; what exceeds them is dropped. */
  constructor(channel: Channel, keep: number) {
    super({ highWaterMark: HIGH_WATER });
    this.#channel = channel;
    this.#keep = keep;
    this.on("error", () => {});
  }

  /** From now on the reader is expected to read: nothing is dropped. */
  open(): void {
    if (!this.destroyed) this.#keep = Number.POSITIVE_INFINITY;
  }

  receive(bytes: Uint8Array): void {
    if (this.#keep === Number.POSITIVE_INFINITY) {
      this.#queue.push({ bytes, credit: bytes.length });
    } else {
      const kept = bytes.slice(0, this.#keep);
      this.#keep -= kept.length;
      this.#channel.consumed(bytes.length);
      if (kept.length > 0) this.#queue.push({ bytes: kept, credit: 0 });
    }
    this.#serve();
  }

  /** No more comes. What has come is still read first. */
  finish(error?: SshError): void {
    this.#finished ??= { error };
    this.#serve();
  }

  override _read(): void {
    this.#wanted = true;
    this.#serve();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#keep = 0;
    for (const { credit } of this.#queue.splice(0)) this.#channel.consumed(credit);
    callback(error);
  }

  #serve(): void {
    while (this.#wanted) {
      const chunk = this.#queue.shift();
      if (chunk !== undefined) {
        this.#wanted = this.push(chunk.bytes);
        if (chunk.credit > 0) this.#channel.consumed(chunk.credit);
      } else if (this.#finished === undefined) {
        return;
      } else {
        this.#wanted = false;
        if (this.#finished.error === undefined) this.push(null);
        else this.destroy(this.#finished.error);
      }
    }
  }
}

interface Written {
  readonly chunk: Uint8Array;
}

/** The input of a channel as a Writable: a write is done when the channel has taken all of it. */
class Input extends Writable {
  readonly #channel: Channel;
  #rest: readonly Written[] = [];
  #done: ((error?: Error) => void) | undefined;

  constructor(channel: Channel) {
    super({ highWaterMark: HIGH_WATER });
    this.#channel = channel;
    this.on("error", () => {});
  }

  /** The channel has room. */
  room(): void {
    const rest = this.#rest;
    for (const [index, { chunk }] of rest.entries()) {
      const taken = this.#channel.write(chunk);
      if (taken < chunk.length) {
        this.#rest = [{ chunk: chunk.subarray(taken) }, ...rest.slice(index + 1)];
        return;
      }
    }
    this.#rest = [];
    const done = this.#done;
    this.#done = undefined;
    done?.();
  }

  override _write(chunk: Uint8Array, _: BufferEncoding, callback: (error?: Error | null) => void): void {
    this._writev([{ chunk }], callback);
  }

  override _writev(chunks: readonly Written[], callback: (error?: Error | null) => void): void {
    this.#rest = chunks;
    this.#done = callback;
    try {
      this.room();
    } catch (error) {
      this.#done = undefined;
      callback(error as Error);
    }
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#channel.end();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const done = this.#done;
    this.#rest = [];
    this.#done = undefined;
    // Half of an input must not look like all of it to the command.
    if (!this.writableFinished) this.#channel.close();
    callback(error);
    // Node itself tells only the writes that are still to come.
    done?.(error ?? new SshError("channel-closed", "the input was destroyed before the command had read it"));
  }
}
