import { SshError } from "@nacre/wire";
import type { Channel, ChannelEnd } from "../../mux/channel.ts";
import type { ReadEnd, StreamKind, StreamTypes } from "../../streams/stream-kind.ts";
import { cutShort, ExitReport } from "./exit.ts";
import { STDOUT } from "./names.ts";
import type { Exit } from "./options.ts";
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
   *
   * If you cancel or destroy it before its end, the rest is dropped. OpenSSH's server closes the pipe that the command writes to
   * (`eow@openssh.com`, OpenSSH PROTOCOL §2.1), so that it gets SIGPIPE; its last error output may
   * then be lost. At other servers, and for a command on a terminal, the channel is closed.
   */
  readonly stdout: K["readable"];
  readonly #channel: Channel;
  readonly #report: ExitReport;
  readonly #stderr: ReadEnd<K["readable"]>;
  readonly #ended: Promise<ChannelEnd>;
  #exit: Promise<Exit> | undefined;

  /** `hasTerminal` tells whether the command runs on a pseudo-terminal. */
  constructor(channel: Channel, streams: StreamKind<K>, hasTerminal: boolean) {
    this.#channel = channel;
    const report = new ExitReport(channel);
    this.#report = report;
    let ended!: (end: ChannelEnd) => void;
    this.#ended = new Promise((resolve) => {
      ended = resolve;
    });
    const consumed = (bytes: number): void => channel.consumed(bytes);
    const stdout = streams.readable({ consumed, cancelled: () => leaveOutput(channel, hasTerminal) });
    const stderr = streams.readable({ consumed }, UNREAD_STDERR);
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
      data: (stream, bytes) => (stream === STDOUT ? stdout : stderr).receive(bytes),
      writable: () => stdin.room(),
      eof: () => {
        stdout.finish();
        stderr.finish();
      },
      request: (request) => report.onRequest(request),
      closed: (end) => {
        ended(end);
        const cut = cutShort(report.exit, end.error);
        stdout.finish(cut);
        stderr.finish(cut);
        stdin.fail(end.error ?? new SshError("channel-closed", "the command has ended and reads no more input"));
      },
    };
  }

  /**
   * Resolves with how the command ended. Rejects with the error that ended the connection, or with the reason for which this side closed
   * the channel before the end of the command: `closed` or `aborted`.
   */
  get exit(): Promise<Exit> {
    this.#exit ??= this.#ended.then(({ error, broken }) => {
      if (error !== undefined && (broken || !this.exited)) throw error;
      return this.#report.exit;
    });
    return this.#exit;
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
    await this.#ended;
  }

  /** Calls `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Tells the server that the command's output has no reader any more. Otherwise a command such as `yes` would write for ever. */
function leaveOutput(channel: Channel, hasTerminal: boolean): void {
  // Other servers may end the connection on this request. OpenSSH stops reading a terminal on it, and the command would block.
  const takesEow = !hasTerminal && channel.peerVersion?.startsWith("SSH-2.0-OpenSSH_");
  if (takesEow) channel.notify("eow@openssh.com", new Uint8Array(0));
  else channel.close(new SshError("closed", "the reader of the output went away"));
}
