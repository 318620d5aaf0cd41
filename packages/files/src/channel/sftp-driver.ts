import { SftpClient, type SftpClientOptions, type SftpClientRequest, type SftpReplyEvent } from "@nacre/sftp";
import type { Bytes, SshError } from "@nacre/wire";
import { afterEnd, type Channel, leaveUncaught } from "nacre/extend";

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

/**
 * Runs an `SftpClient` over a channel: writes its requests, and passes each answer to its waiter in the turn of the reply. The owner of the
 * channel's events calls `receive`, `writable` and `end`.
 */
export abstract class SftpDriver {
  readonly machine: SftpClient<Waiter>;
  protected readonly channel: Channel;
  #senders = new Set<Sender>();
  #over: SshError | undefined;
  /** Whether the events of the machine are being handled, after which the requests are written. */
  #isHandling = false;
  #isWriteScheduled = false;
  /** Number of requests that are not written yet. */
  #unwritten = 0;
  #collecting: ReturnType<typeof setTimeout> | undefined;

  constructor(channel: Channel, options: Pick<SftpClientOptions, "serverVersion" | "allowsReusedHandles">) {
    this.machine = new SftpClient<Waiter>({ ...options, limits: MACHINE_LIMITS });
    this.channel = channel;
  }

  /** The reason why SFTP has ended; `undefined` before that. */
  get over(): SshError | undefined {
    return this.#over;
  }

  /** Called when the server has answered with its version. */
  protected abstract onReady(): void;

  /** Called after the reply to limits@openssh.com, granted or refused. */
  protected onLimits(): void {}

  /** Called when SFTP has ended and all waiters and senders know. Close the channel. */
  protected abstract onClosed(error: SshError): void;

  /** Handles bytes of the server. The driver then owns them with their buffer. */
  receive(bytes: Uint8Array): void {
    this.machine.receive(bytes);
    this.#handleEvents();
  }

  /** Goes on to write: the channel has room again. */
  writable(): void {
    this.#serve();
  }

  /** Ends SFTP. Every request fails with `error`. No effect after the end. */
  end(error?: SshError): void {
    this.machine.end(error);
    this.#handleEvents();
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

  /**
   * Returns whether a request can be sent now: few enough are in flight, and the channel has taken the earlier ones. Otherwise call
   * `waitForRoom`.
   */
  makeRoom(): boolean {
    if (this.#over !== undefined || this.machine.requestCount >= MAX_REQUESTS) return false;
    if (this.machine.unsent.length < WRITE_AT) return true;
    this.write();
    return this.machine.unsent.length < WRITE_AT;
  }

  /** Calls the sender once there is room, in the order of these calls. A sender waits at most once. */
  waitForRoom(sender: Sender): void {
    if (this.#over !== undefined) sender.failed(afterEnd(this.#over, "SFTP"));
    else this.#senders.add(sender);
  }

  /** Stops waiting for room. */
  stopWaiting(sender: Sender): void {
    this.#senders.delete(sender);
  }

  /** Writes as many bytes as the channel takes. */
  protected write(): void {
    clearTimeout(this.#collecting);
    this.#collecting = undefined;
    const { unsent } = this.machine;
    if (unsent.length === 0 || this.channel.closed) return;
    const taken = this.channel.write(unsent);
    this.machine.sent(taken);
    if (taken === unsent.length) this.#unwritten = 0;
  }

  /** Gives an answer to its waiter. The application's code, such as a listener of a stream, must not keep others from theirs. */
  protected answer(answer: SftpReplyEvent<Waiter>): void {
    try {
      answer.waiter.answered(answer);
    } catch (thrown) {
      leaveUncaught(thrown);
    }
  }

  #handleEvents(): void {
    // A waiter may end SFTP. The loop that called it handles those events too.
    if (this.#isHandling) return;
    this.#isHandling = true;
    for (let event = this.machine.nextEvent(); event !== undefined; event = this.machine.nextEvent()) {
      switch (event.type) {
        case "ready":
          this.onReady();
          break;
        case "limits":
          this.onLimits();
          break;
        case "closed":
          this.#close(event.error);
          break;
        default:
          this.answer(event);
      }
    }
    this.#isHandling = false;
    this.#serve();
  }

  #close(error: SshError): void {
    this.#over = error;
    clearTimeout(this.#collecting);
    const senders = this.#senders;
    this.#senders = new Set();
    for (const sender of senders) sender.failed(error);
    this.onClosed(error);
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
    if (requestCount - this.#unwritten < COLLECT_AT || unsent.length >= COLLECTED_BYTES) this.write();
    else this.#collecting ??= setTimeout(() => this.write(), COLLECT_TIME);
  }
}

/** An open file of the server. */
export interface OpenFile {
  readonly handle: Bytes;
  /** Path that was opened. */
  readonly path: string;
}
