import { type SftpClientRequest, SftpError, type SftpReplyEvent } from "@nacre/sftp";
import type { Bytes, SshError } from "@nacre/wire";
import { onAbort } from "nacre/extend";
import { abortError, type CallContext, throwIfAborted } from "../remote/call.ts";
import type { Sender, SftpChannel, Waiter } from "../remote/sftp-channel.ts";

/** A request that opens a file. */
type Open = Extract<SftpClientRequest, { readonly type: "open" }>;

/** The functions of the promise that a call settles. */
export interface Settle<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Sends all requests for a short file, one object and one promise in all: those of `call` for each request would take more time than the
 * requests themselves. The handle is closed in any case, also if the call is aborted while the file is being opened.
 */
export abstract class ShortCall<T> implements Waiter, Sender {
  protected readonly channel: SftpChannel;
  protected readonly context: CallContext;
  readonly #settle: Settle<T>;
  readonly #open: Open;
  readonly #unwatch: (() => void) | undefined;
  #state: "new" | "opening" | "open" | "ended" = "new";
  /** Id of the request that opens the file. */
  #opening = 0;
  #handle: Bytes | undefined;

  /** Throws `aborted` if the signal of the call has aborted. */
  constructor(channel: SftpChannel, open: Open, context: CallContext, settle: Settle<T>) {
    throwIfAborted(context);
    this.channel = channel;
    this.context = context;
    this.#open = open;
    this.#settle = settle;
    const { signal } = context;
    this.#unwatch = signal && onAbort(signal, () => this.#abort());
  }

  /** Sends the next requests if there is room, or else later. */
  room(): void {
    const { channel } = this;
    if (!channel.makeRoom()) {
      channel.waitForRoom(this);
      return;
    }
    try {
      if (this.#state === "new") {
        this.#opening = channel.request(this.#open, this);
        this.#state = "opening";
      } else {
        this.send(this.#handle);
      }
    } catch (error) {
      this.fail(error);
    }
  }

  failed(error: SshError): void {
    this.fail(error);
  }

  answered(answer: SftpReplyEvent<Waiter>): void {
    if (this.#state === "ended") return;
    if (answer.type === "unanswered") {
      this.fail(answer.error);
    } else if (this.#state === "open") {
      this.next(answer);
    } else if (answer.type === "handle") {
      this.#state = "open";
      this.#handle = answer.handle;
      this.room();
    } else if (answer.type === "status") {
      this.fail(new SftpError(answer.status, answer.message, this.context));
    }
  }

  /** Sends the requests that come next. `handle` is that of the open file, unless `handleIsClosed` was called. */
  protected abstract send(handle: Bytes | undefined): void;

  /** Takes the answer to a request of `send`. */
  protected abstract next(answer: SftpReplyEvent<Waiter>): void;

  /** Notes that the request to close the file is sent. */
  protected handleIsClosed(): void {
    this.#handle = undefined;
  }

  /** Resolves the call. */
  protected succeed(value: T): void {
    this.#state = "ended";
    this.#unwatch?.();
    this.#settle.resolve(value);
  }

  /** Rejects the call, and closes the file. No effect after the end. */
  protected fail(error: unknown): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#unwatch?.();
    this.channel.stopWaiting(this);
    if (this.#handle !== undefined) this.channel.release(this.#handle);
    this.#settle.reject(error);
  }

  #abort(): void {
    // The machine then closes a handle that still arrives.
    if (this.#state === "opening") this.channel.machine.abandon(this.#opening);
    this.fail(abortError(this.context));
  }
}
