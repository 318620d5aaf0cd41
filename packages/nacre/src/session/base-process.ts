import { SshError } from "@nacre/wire";
import type { Exit } from "../client/options.ts";
import type { Channel, ChannelEnd } from "../mux/channel.ts";
import type { ReadEnd, StreamKind, StreamTypes } from "../streams/stream-kind.ts";
import { cutShort, ExitReport } from "./exit.ts";
import { encodeBreak, encodeSignal, encodeSize } from "./requests.ts";

/** Bytes of error output kept until `stderr` is first read. Further bytes are dropped. */
const UNREAD_STDERR = 256 * 1024;

/** A running remote command, with streams of kind `K`. */
export abstract class BaseProcess<K extends StreamTypes> implements AsyncDisposable {
  /**
   * The command's input. Ending it sends EOF. Aborting or destroying it before its end closes the channel, which usually hangs up the
   * command.
   */
  readonly stdin: K["writable"];
  /**
   * The command's output. Read, cancel or destroy it: unread output stalls the command, as with a local pipe. It ends normally only if the
   * server sent an EOF or the exit status; otherwise it fails after the bytes that arrived.
   */
  readonly stdout: K["readable"];
  /** Resolves with how the command ended. Rejects if the connection ended first. */
  readonly exit: Promise<Exit>;
  readonly #channel: Channel;
  readonly #report: ExitReport;
  readonly #stderr: ReadEnd<K["readable"]>;

  constructor(channel: Channel, streams: StreamKind<K>) {
    this.#channel = channel;
    const report = new ExitReport(channel);
    this.#report = report;
    let settle: ((end: ChannelEnd) => void) | undefined;
    this.exit = new Promise((resolve, reject) => {
      settle = ({ error, broken }) => (broken ? reject(error) : resolve(report.exit));
    });
    this.exit.catch(() => {});
    const stdout = streams.readable(channel);
    const stderr = streams.readable(channel, UNREAD_STDERR);
    const stdin = streams.writable({
      write: (bytes) => channel.write(bytes),
      end: () => channel.end(),
      // Close without EOF, so that the command does not take partial input as complete.
      abort: () => channel.close(new SshError("closed", "the command's input was aborted before its end")),
    });
    this.stdin = stdin.stream;
    this.stdout = stdout.stream;
    this.#stderr = stderr;
    channel.handler = {
      data: (stream, bytes) => (stream === "stdout" ? stdout : stderr).receive(bytes),
      writable: () => stdin.room(),
      eof: () => {
        stdout.finish();
        stderr.finish();
      },
      request: (request) => report.onRequest(request),
      closed: (end) => {
        settle?.(end);
        const cut = cutShort(report.exit, end.error);
        stdout.finish(cut);
        stderr.finish(cut);
        stdin.fail(end.error ?? new SshError("channel-closed", "the command has ended and reads no more input"));
      },
    };
  }

  /** Whether the server has reported how the command ended. */
  get exited(): boolean {
    return this.#report.hasExit;
  }

  /** The command's error output. Until this property is first read, at most 256 KiB are kept and the rest is dropped. */
  get stderr(): K["readable"] {
    this.#stderr.open();
    return this.#stderr.stream;
  }

  /**
   * Sends a signal such as `"TERM"` or `"SIGTERM"` (RFC 4254 §6.9). Servers may ignore it. No effect after `close` or after the command has
   * ended. Throws `usage` for an invalid signal name.
   */
  kill(signalName = "TERM"): void {
    this.#channel.notify("signal", encodeSignal(signalName));
  }

  /**
   * Sends a break of `breakLength` milliseconds (RFC 4335). Rejects with `channel-request-failed` if the server refuses it. After the end
   * of the command, rejects with `channel-closed` or the error that ended the command.
   */
  async sendBreak(breakLength = 500): Promise<void> {
    return this.#channel.request("break", encodeBreak(breakLength));
  }

  /**
   * Sends the new size of the pseudo-terminal in characters (RFC 4254 §6.7). No effect after `close` or after the command has ended. Throws
   * `usage` for an invalid size.
   */
  resize(columns: number, rows: number): void {
    this.#channel.notify("window-change", encodeSize(columns, rows));
  }

  /** Closes the channel, which usually hangs up the command. The streams fail with `closed`. Resolves when the channel is closed. */
  async close(): Promise<void> {
    this.#channel.close(new SshError("closed", "the command was closed before its end"));
    await this.exit.catch(() => {});
  }

  /** Calls `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
