import { type SftpServer, type SftpServerEvent, SSH_FX } from "@nacre/sftp";
import { SshError } from "@nacre/wire";
import type { BaseSession, Channel, SessionBytes } from "nacre/extend";
import {
  type AnswerContext,
  answerRequest,
  otherPathOf,
  pathAccessOf,
  pathOf,
  type Request,
} from "./answer-request.ts";
import { refusalOf } from "./file-error.ts";
import type { FileSystem } from "./file-system.ts";
import { type OpenHandle, servedOf } from "./open-handle.ts";
import type { SftpRequestEvent, SftpRequestType, SftpServerLogEvent } from "./options.ts";
import { PathOrder } from "./path-order.ts";

/** Bytes of unsent replies that are sent before the next event. A few long replies stay in the processor's cache until they are encrypted. */
const BATCH = 128 * 1024;

type RequestEvent = Extract<SftpServerEvent<OpenHandle>, { readonly type: "request" }>;

/** The part of a channel that SFTP uses. */
export type SftpChannel = Pick<Channel, "write" | "consumed" | "closed">;

/** A session that SFTP runs in: one of SSH, or another with the same bytes. */
export interface SftpPeer extends Pick<BaseSession, "user"> {
  /** Factors that the client logged in with; `undefined` for a client without a login, such as one on standard input. */
  readonly factors?: BaseSession["factors"] | undefined;
  /** The client's identification string, if it is known. It decides the order of paths in SSH_FXP_SYMLINK. */
  readonly clientVersion?: string | undefined;
  /** Passes the client's bytes to `handler`, and returns the channel to write to; see `BaseSession.takeChannel`. */
  takeChannel(handler: SessionBytes): SftpChannel;
}

/** What a session serves, and to whom. */
export interface SftpSessionContext {
  readonly fileSystem: FileSystem;
  readonly readOnly: boolean;
  readonly user: string;
  isPermitted(this: void, type: SftpRequestType): boolean;
  log(this: void, event: SftpServerLogEvent): void;
  /** `undefined` if requests are not reported. */
  readonly onRequest: ((event: SftpRequestEvent) => void) | undefined;
}

/** Runs an `SftpServer` over the channel of a session. Requests are answered from a file system. */
export class SftpSession implements SessionBytes {
  /** Resolves when the client has ended SFTP and every file is closed. Rejects if the client violated the protocol. */
  readonly ended: Promise<void>;
  readonly #context: SftpSessionContext;
  readonly #machine: SftpServer<OpenHandle>;
  readonly #answering: AnswerContext;
  readonly #paths = new PathOrder();
  #channel: SftpChannel | undefined;
  /** Received bytes without window credit. */
  #unconsumed = 0;
  #isOver = false;
  #isTurnScheduled = false;
  /** Set when the machine has ended, until `ended` settles. */
  #end: { readonly error: SshError | undefined } | undefined;
  /** Files and directories that are being closed after the end. */
  readonly #releases: Promise<void>[] = [];
  #settle!: { readonly resolve: () => void; readonly reject: (error: SshError) => void };

  constructor(machine: SftpServer<OpenHandle>, context: SftpSessionContext) {
    this.#machine = machine;
    this.#context = context;
    this.#answering = { ...context, machine, isOver: () => this.#isOver };
    this.ended = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  /** Sets the channel to write to. */
  start(channel: SftpChannel): void {
    this.#channel = channel;
    this.#turn();
  }

  data(_: number, bytes: Uint8Array): void {
    this.#unconsumed += bytes.length;
    // Nothing else uses the buffer of a channel's data.
    this.#machine.receive(bytes, true);
    this.#turn();
  }

  writable(): void {
    this.#turn();
  }

  eof(): void {
    this.#machine.end();
    this.#turn();
  }

  closed(): void {
    this.#isOver = true;
    this.#machine.close();
    this.#turn();
  }

  /** Handles the events, sends the replies, and returns window credit while the machine wants input. */
  #turn(): void {
    if (this.#channel === undefined) return;
    do {
      for (let event = this.#machine.nextEvent(); event !== undefined; event = this.#machine.nextEvent()) {
        this.#handle(event);
        if (this.#machine.unsent.length >= BATCH) this.#write();
      }
    } while (this.#write());
    this.#settleEnd();
    // rule: sftp-server-backpressure
    if (!this.#machine.wantsInput) return;
    const bytes = this.#unconsumed;
    this.#unconsumed = 0;
    if (bytes > 0) this.#channel.consumed(bytes);
  }

  #handle(event: SftpServerEvent<OpenHandle>): void {
    switch (event.type) {
      case "request":
        this.#answer(event);
        break;
      case "release":
        this.#releases.push(this.#release(event.handle));
        break;
      case "closed":
        this.#isOver = true;
        this.#end = event;
    }
  }

  /** Sends as many bytes as the channel takes. Returns whether it took some. */
  #write(): boolean {
    const { unsent } = this.#machine;
    if (unsent.length === 0 || this.#channel!.closed) return false;
    try {
      const taken = this.#channel!.write(unsent);
      this.#machine.sent(taken);
      return taken > 0;
    } catch (error) {
      // The client's CLOSE has arrived, and its event follows.
      if (error instanceof SshError) return false;
      throw error;
    }
  }

  /** Answers a request, at once or later. */
  #answer(event: RequestEvent): void {
    const { token, request } = event;
    const answer = (): Promise<void> | undefined => {
      // A close must run even after the end.
      if (!this.#isOver || request.type === "close") return answerRequest(token, request, this.#answering);
      this.#machine.status(token, SSH_FX.FAILURE);
      return undefined;
    };
    const access = pathAccessOf(request);
    try {
      const answered = access === undefined ? answer() : this.#paths.run(access, async () => answer());
      if (answered === undefined) this.#report(request, undefined);
      else void this.#answerLater(event, answered);
    } catch (error) {
      this.#refuse(event, error);
    }
  }

  async #answerLater(event: RequestEvent, answered: Promise<void>): Promise<void> {
    try {
      await answered;
      this.#report(event.request, undefined);
    } catch (error) {
      this.#refuse(event, error);
    }
    this.#scheduleTurn();
  }

  #refuse({ token, request }: RequestEvent, error: unknown): void {
    const { status, message } = refusalOf(error) ?? this.#fault(request, error);
    this.#machine.status(token, status, message);
    this.#report(request, message);
  }

  #report(request: Request, refusal: string | undefined): void {
    const { onRequest } = this.#context;
    onRequest?.({ request: request.type, path: pathOf(request), otherPath: otherPathOf(request), refusal });
  }

  /** Reports an exception that is not meant for the client. */
  #fault(request: Request, error: unknown): { readonly status: number; readonly message: string } {
    this.#context.log({ type: "failed", request: request.type, path: pathOf(request), error });
    // rule: sftp-fault-text
    return { status: SSH_FX.FAILURE, message: "Failure" };
  }

  /** Runs a turn after all answers that are given now, so that their replies leave together. */
  #scheduleTurn(): void {
    if (this.#isTurnScheduled) return;
    this.#isTurnScheduled = true;
    queueMicrotask(() => {
      this.#isTurnScheduled = false;
      this.#turn();
    });
  }

  async #release(handle: OpenHandle): Promise<void> {
    try {
      await servedOf(handle).close();
    } catch (error) {
      this.#context.log({ type: "failed", request: "close", path: handle.path, error });
    }
  }

  /** Settles `ended` once the replies are sent and the files are closed. After an error, or without a channel, replies are dropped. */
  #settleEnd(): void {
    const end = this.#end;
    if (end === undefined) return;
    const { error } = end;
    if (error === undefined && this.#machine.unsent.length > 0 && !this.#channel!.closed) return;
    this.#end = undefined;
    void Promise.all(this.#releases).then(() =>
      error === undefined ? this.#settle.resolve() : this.#settle.reject(error),
    );
  }
}
