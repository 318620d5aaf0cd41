import { SftpClient, type SftpClientRequest, type SftpReplyEvent } from "@nacre/sftp";
import { type Bytes, SshError } from "@nacre/wire";
import { afterEnd, type Channel, ExitReport, encodeSubsystem, leaveUncaught } from "nacre/extend";
import { OpenQueue } from "./open-queue.ts";

/** Waits for the answer to a request. The machine keeps this object with the request, so a request needs no closure. */
export interface Waiter {
  /** Called with the answer, in the turn in which it arrives. */
  answered(answer: SftpReplyEvent<Waiter>): void;
}

/** Waits for room to send requests. */
export interface Sender {
  /** Called when requests can be sent again. */
  room(): void;
  /** Called instead of `room` when SFTP has ended. */
  failed(error: SshError): void;
}

/** Maximum number of requests in flight. Further ones wait here. Only closes of handles do not wait. */
const MAX_REQUESTS = 1024;

/** Limit of the machine, which closes of handles cannot reach: servers allow fewer open handles. */
const MACHINE_LIMITS = { maxRequests: 65_536 };

/** Bytes of requests that are collected before they are written to the channel. */
const WRITE_AT = 256 * 1024;

/**
 * While at least this many requests are at the server, further ones are collected, so that they leave in one packet. Short files are then
 * moved with a quarter less CPU time here, and fewer packets for the server.
 */
export const COLLECT_AT = 64;

/** Bytes of requests that fill a packet, so that collecting more has no use. */
const COLLECTED_BYTES = 32 * 1024;

/** Longest time in milliseconds for which requests are collected. */
const COLLECT_TIME = 1;

type State =
  /** Until the server has answered with its version. `start` sets the functions of its promise. */
  | { readonly kind: "starting"; readonly resolve: () => void; readonly reject: (error: SshError) => void }
  | { readonly kind: "open" }
  | { readonly kind: "over"; readonly error: SshError };

/** Runs an `SftpClient` over a channel: writes its requests, returns window credit, and passes each answer to its waiter. */
export class SftpChannel {
  /** Resolves with the reason when SFTP has ended. Never rejects. */
  readonly ended: Promise<SshError>;
  readonly machine: SftpClient<Waiter>;
  /** Turns of the calls that open a file or directory and close it again. Files that an application holds open take no part. */
  readonly opens: OpenQueue = new OpenQueue(() => this.isOneByOne);
  readonly #channel: Channel;
  #senders = new Set<Sender>();
  #state: State = { kind: "starting", resolve() {}, reject() {} };
  #onEnd!: (error: SshError) => void;
  /** Whether the events of the machine are being handled, after which the requests are written. */
  #isHandling = false;
  #isWriteScheduled = false;
  /** Number of requests that are not written yet. */
  #unwritten = 0;
  #collecting: ReturnType<typeof setTimeout> | undefined;

  /** `serverVersion` is the server's identification string, if it is known. */
  constructor(channel: Channel, serverVersion: string | undefined) {
    this.machine = new SftpClient<Waiter>({ limits: MACHINE_LIMITS, serverVersion });
    this.#channel = channel;
    this.ended = new Promise((resolve) => {
      this.#onEnd = resolve;
    });
  }

  /** The reason why SFTP has ended; `undefined` before that. */
  get over(): SshError | undefined {
    return this.#state.kind === "over" ? this.#state.error : undefined;
  }

  /** Whether the server may have only one open file: it says so, or has given an open handle again. */
  get isOneByOne(): boolean {
    return this.machine.serverLimits.maxOpenHandles === 1;
  }

  /**
   * Requests the subsystem and sends SSH_FXP_INIT: at once if the server is known to accept early data, otherwise after its reply.
   * Resolves when the server has answered with its version. Rejects with `channel-request-failed` if the server has no SFTP, or with the
   * error that ended SFTP.
   */
  start(): Promise<void> {
    const channel = this.#channel;
    const report = new ExitReport(channel);
    return new Promise((resolve, reject) => {
      this.#state = { kind: "starting", resolve, reject };
      channel.handler = {
        data: (stream, bytes) => {
          // The machine keeps at most one packet, so credit returns at once.
          channel.consumed(bytes.length);
          if (stream !== 0) return;
          this.machine.receive(bytes);
          this.#handleEvents();
        },
        writable: () => this.#serve(),
        eof: () => this.end(),
        request: (request) => report.onRequest(request),
        closed: ({ error }) => this.end(error),
      };
      channel.start("subsystem", encodeSubsystem("sftp")).catch((cause: unknown) => {
        if ((cause as SshError).code !== "channel-request-failed") return;
        const message = 'the server refused the subsystem "sftp"; enable it there (Subsystem in sshd_config)';
        this.end(new SshError("channel-request-failed", message, { cause }));
      });
      this.#write();
    });
  }

  /** Sends a request and returns its id, for `machine.abandon`. Throws like `SftpClient.request`. */
  request(request: SftpClientRequest, waiter: Waiter): number {
    const id = this.machine.request(request, waiter);
    this.touch();
    return id;
  }

  /**
   * Writes new requests of the machine at the end of this turn, so that they leave in one packet. Those that the machine refuses are
   * answered then.
   */
  touch(): void {
    this.#unwritten++;
    if (this.#isHandling || this.#isWriteScheduled) return;
    this.#isWriteScheduled = true;
    queueMicrotask(() => {
      this.#isWriteScheduled = false;
      this.#handleEvents();
    });
  }

  /** Closes a handle without waiting for the reply. No effect after the end. */
  release(handle: Uint8Array): void {
    if (this.#state.kind !== "over") this.machine.abandon(this.request({ type: "close", handle }, IGNORE));
  }

  /**
   * Returns whether a request can be sent now: few enough are in flight, and the channel has taken the earlier ones. Otherwise call
   * `waitForRoom`.
   */
  makeRoom(): boolean {
    if (this.#state.kind === "over" || this.machine.requestCount >= MAX_REQUESTS) return false;
    if (this.machine.unsent.length < WRITE_AT) return true;
    this.#write();
    return this.machine.unsent.length < WRITE_AT;
  }

  /** Calls the sender once there is room, in the order of these calls. A sender waits at most once. */
  waitForRoom(sender: Sender): void {
    if (this.#state.kind === "over") sender.failed(afterEnd(this.#state.error, "SFTP"));
    else this.#senders.add(sender);
  }

  /** Stops waiting for room. */
  stopWaiting(sender: Sender): void {
    this.#senders.delete(sender);
  }

  /** Ends SFTP and closes the channel. Every request fails with `error`. No effect after the end. */
  end(error?: SshError): void {
    this.machine.end(error);
    this.#handleEvents();
  }

  /** Ends SFTP and resolves when the channel is closed, at most two seconds later. */
  async close(): Promise<void> {
    this.end(new SshError("closed", "SFTP was closed by this side; open it again to go on"));
    await this.#channel.ended;
  }

  #handleEvents(): void {
    // A waiter may end SFTP. The loop that called it handles those events too.
    if (this.#isHandling) return;
    this.#isHandling = true;
    for (let event = this.machine.nextEvent(); event !== undefined; event = this.machine.nextEvent()) {
      switch (event.type) {
        case "ready":
          this.#onReady();
          break;
        case "limits":
          break;
        case "closed":
          this.#onClosed(event.error);
          break;
        default:
          try {
            event.waiter.answered(event);
          } catch (thrown) {
            // The application's code, such as a listener of a stream, must not keep other answers from their waiters.
            leaveUncaught(thrown);
          }
      }
    }
    this.#isHandling = false;
    this.#serve();
  }

  #onReady(): void {
    const state = this.#state;
    this.#state = { kind: "open" };
    if (state.kind === "starting") state.resolve();
  }

  #onClosed(error: SshError): void {
    const state = this.#state;
    this.#state = { kind: "over", error };
    clearTimeout(this.#collecting);
    if (state.kind === "starting") state.reject(error);
    const senders = this.#senders;
    this.#senders = new Set();
    for (const sender of senders) sender.failed(error);
    this.#channel.close(error);
    this.#onEnd(error);
  }

  /** Writes the requests, then lets senders add more while there is room. */
  #serve(): void {
    this.#writeUnlessCollecting();
    for (const sender of this.#senders) {
      if (!this.makeRoom()) return;
      this.#senders.delete(sender);
      sender.room();
    }
  }

  /** Writes, unless the server is busy with earlier requests and these do not fill a packet. */
  #writeUnlessCollecting(): void {
    const { requestCount, unsent } = this.machine;
    if (unsent.length === 0) return;
    if (requestCount - this.#unwritten < COLLECT_AT || unsent.length >= COLLECTED_BYTES) this.#write();
    else this.#collecting ??= setTimeout(() => this.#write(), COLLECT_TIME);
  }

  /** Writes as many bytes as the channel takes. */
  #write(): void {
    clearTimeout(this.#collecting);
    this.#collecting = undefined;
    const { unsent } = this.machine;
    if (unsent.length === 0 || this.#channel.closed) return;
    const taken = this.#channel.write(unsent);
    this.machine.sent(taken);
    if (taken === unsent.length) this.#unwritten = 0;
  }
}

/** The waiter of requests whose reply is ignored. */
const IGNORE: Waiter = { answered() {} };

/** An open file of the server. */
export interface OpenFile {
  readonly handle: Bytes;
  /** Path that was opened. */
  readonly path: string;
}
