import type { ScpClosedEvent, ScpMachine } from "@nacre/sftp/scp";
import { escapeText, SshError, utf8DecodeLossy } from "@nacre/wire";
import {
  type Channel,
  type ChannelRequest,
  ExitReport,
  encodeCommand,
  onAbort,
  STDOUT,
  unlessAborted,
} from "nacre/extend";
import { abortError, type CallContext, throwIfAborted } from "../channel/call.ts";
import type { ChannelOpener } from "../remote/open-sftp.ts";
import { ScpChannel } from "./scp-channel.ts";

/** Number of bytes of the server's error output kept for an error message. */
const KEPT_STDERR = 400;

/** Milliseconds to wait for the exit status of a program that sent no scp. */
const EXIT_TIME = 2000;

/** The scp program of a server, and an `ScpSink` or `ScpSource` that talks to it. */
export class ScpProcess<Event extends { readonly type: string }> {
  readonly #scp: ScpChannel<Event>;
  readonly #channel: Channel;
  readonly #report: ExitReport;
  #stderr = new Uint8Array(0);
  /** Whether the server has sent any scp byte. */
  #hasStarted = false;
  readonly #unwatch: (() => void) | undefined;

  private constructor(scp: ScpChannel<Event>, channel: Channel, command: Uint8Array, context: CallContext) {
    this.#scp = scp;
    this.#channel = channel;
    this.#report = new ExitReport(channel);
    scp.start(channel);
    channel.handler = {
      data: (stream, bytes) => {
        if (stream === STDOUT) {
          this.#hasStarted = true;
          scp.data(stream, bytes);
          return;
        }
        channel.consumed(bytes.length);
        this.#keep(bytes);
      },
      writable: () => scp.writable(),
      eof: () => scp.eof(),
      request: (request: ChannelRequest) => this.#report.onRequest(request),
      closed: (end) => scp.closed(end),
    };
    channel.start("exec", encodeCommand(command)).catch((cause: unknown) => {
      if ((cause as SshError).code !== "channel-request-failed") return;
      const message = "the server refused to run scp; permit commands there, or transfer with SFTP";
      scp.end(new SshError("channel-request-failed", message, { cause }));
    });
    const { signal } = context;
    this.#unwatch = signal && onAbort(signal, () => scp.end(abortError(context)));
  }

  /** Starts scp on the server. Rejects with `aborted`, or as `openChannel` does. */
  static async start<Event extends { readonly type: string }>(
    ssh: ChannelOpener,
    machine: ScpMachine<Event>,
    command: Uint8Array,
    context: CallContext,
  ): Promise<ScpProcess<Event>> {
    throwIfAborted(context);
    const { signal } = context;
    const opening = ssh.openChannel("session", undefined, { signal });
    try {
      const channel = await unlessAborted(opening, signal, () => abortError(context));
      return new ScpProcess(new ScpChannel(machine), channel, command, context);
    } catch (error) {
      opening.then(
        (channel) => channel.close(new SshError("closed", "scp was ended before it began")),
        () => {},
      );
      throw error;
    }
  }

  /** Whether scp has ended. The next event has the reason. */
  get isOver(): boolean {
    return this.#scp.isOver;
  }

  /** Sends what the machine has to send, and resolves with the next event. */
  next(): Promise<Event | ScpClosedEvent> {
    return this.#scp.next();
  }

  /** Resolves when the channel has taken all bytes, or takes no more. */
  flush(): Promise<void> {
    return this.#scp.flush();
  }

  /** Ends a transfer that the server has confirmed. Resolves when the channel is closed, at most two seconds later. */
  async finish(): Promise<void> {
    this.#channel.end();
    // Does not wait for the exit status: every file is confirmed, and dropbear keeps the channel open.
    this.#channel.close(new SshError("closed", "the transfer with scp has ended"));
    await this.#channel.ended;
    this.#unwatch?.();
  }

  /** Ends a transfer that failed with `error`. Resolves with the error to report when the channel is closed, at most four seconds later. */
  async fail(error: unknown): Promise<unknown> {
    const explained = await this.#explain(error);
    const reason = explained instanceof SshError ? explained : new SshError("closed", "the transfer with scp failed");
    this.#channel.close(reason);
    await this.#channel.ended;
    this.#unwatch?.();
    return explained;
  }

  /** Returns an error that says why the program did not start, if it sent nothing. */
  async #explain(error: unknown): Promise<unknown> {
    if (this.#hasStarted || !(error instanceof SshError) || error.code !== "channel-closed") return error;
    this.#channel.end();
    await this.#ended();
    const { status, signal } = this.#report.exit;
    const exit = status !== undefined ? `exit status ${status}` : signal !== undefined ? "a signal" : "no exit status";
    // rule: scp-stderr
    const text = escapeText(utf8DecodeLossy(this.#stderr).trim());
    const output = text === "" ? "" : `: "${text}"`;
    return new SshError(
      "scp-failure",
      `scp on the server ended with ${exit} before it began${output}; install it there, or transfer with SFTP`,
      { cause: error },
    );
  }

  /** Resolves when the channel is closed, or after `EXIT_TIME`. */
  async #ended(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, EXIT_TIME);
    });
    await Promise.race([this.#channel.ended, late]);
    clearTimeout(timer);
  }

  #keep(bytes: Uint8Array): void {
    const room = KEPT_STDERR - this.#stderr.length;
    if (room <= 0) return;
    const kept = new Uint8Array(this.#stderr.length + Math.min(room, bytes.length));
    kept.set(this.#stderr);
    kept.set(bytes.subarray(0, room), this.#stderr.length);
    this.#stderr = kept;
  }
}
