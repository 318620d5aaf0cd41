import { type Bytes, SshError } from "@nacre/wire";
import { type Channel, cutShort } from "./channel.ts";
import type { Exit } from "./options.ts";
import { encodeBreak, encodeSignal, encodeSize } from "./requests.ts";
import { Input, Output } from "./streams.ts";

/** What is kept of the error output that nobody has asked for: bytes. What comes after is dropped. */
const UNREAD_STDERR = 256 * 1024;

/** A running remote command, with Web streams. */
export class Process implements AsyncDisposable {
  /** What the command reads; text goes as UTF-8. Closing it says that no more will come. */
  readonly stdin: WritableStream<Uint8Array | string>;
  /**
   * What the command prints. Read it, or cancel it: unread output stops the command, as with a local pipe. It ends only where the
   * server told its end; otherwise it fails with what cut it short, when what had come is read.
   */
  readonly stdout: ReadableStream<Bytes>;
  /** How the command ended; rejects when the connection ended first. */
  readonly exit: Promise<Exit>;
  readonly #channel: Channel;
  readonly #stderr: Output;

  constructor(channel: Channel) {
    this.#channel = channel;
    this.exit = channel.exit;
    const stdout = new Output((bytes) => channel.consumed(bytes), Number.POSITIVE_INFINITY);
    this.#stderr = new Output((bytes) => channel.consumed(bytes), UNREAD_STDERR);
    const input = new Input({
      write: (bytes) => channel.write(bytes),
      end: () => channel.end(),
      // Half of an input must not look like all of it to the command.
      abort: () => channel.close(new SshError("closed", "the input was given up before its end")),
    });
    this.stdout = stdout.stream;
    this.stdin = input.stream;
    channel.handler = {
      data: (stream, bytes) => (stream === "stdout" ? stdout : this.#stderr).push(bytes),
      writable: () => input.writable(),
      eof: () => {
        stdout.end();
        this.#stderr.end();
      },
      closed: (exit, error) => {
        const cut = cutShort(exit, error);
        stdout.end(cut);
        this.#stderr.end(cut);
        input.closed(error ?? new SshError("channel-closed", "the command has ended: it reads no more input"));
      },
    };
  }

  /** What the command prints to its error output. Until it is first looked at, at most 256 KiB are kept and the rest is dropped. */
  get stderr(): ReadableStream<Bytes> {
    this.#stderr.open();
    return this.#stderr.stream;
  }

  /**
   * Sends a signal (RFC 4254 §6.9): `"TERM"`, or `"SIGTERM"`. Servers may ignore it. Does nothing after `close` and when the command has
   * ended. Throws `usage` for an invalid signal name.
   */
  kill(signalName = "TERM"): void {
    this.#channel.notify("signal", encodeSignal(signalName));
  }

  /**
   * Sends a break of that many milliseconds (RFC 4335). Rejects with `channel-request-failed` if the server has none to send, and with
   * `channel-closed`, or the error that ended the command, if it has ended.
   */
  async sendBreak(breakLength = 500): Promise<void> {
    return this.#channel.request("break", encodeBreak(breakLength));
  }

  /**
   * Tells the pseudo-terminal its new size in characters (RFC 4254 §6.7). Does nothing after `close` and when the command has ended.
   * Throws `usage` for an invalid size.
   */
  resize(columns: number, rows: number): void {
    this.#channel.notify("window-change", encodeSize(columns, rows));
  }

  /** Closes the channel: what runs is usually hung up, and its streams fail with `closed`. Resolves when it is closed. */
  async close(): Promise<void> {
    this.#channel.close(new SshError("closed", "the command was closed before its end"));
    await this.exit.catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
