import { type SftpServer, type SftpServerEvent, SSH_FX } from "@nacre/sftp";
import { type AskToken, type Bytes, SshError } from "@nacre/wire";
import { type BaseSession, type Channel, FREED_FROM, freeBuffer, type SessionBytes } from "nacre/extend";
import { FileSystemError, refusalOf } from "./file-error.ts";
import type { FileSystem } from "./file-system.ts";
import { type OpenHandle, servedOf } from "./open-handle.ts";
import type { SftpRequestEvent, SftpServerLogEvent } from "./options.ts";
import { PathOrder } from "./path-order.ts";
import {
  type AnswerContext,
  answerRequest,
  isByPath,
  isChange,
  pathsOf,
  type Request,
  type SftpRequestType,
} from "./requests.ts";

/** Number of bytes of unsent replies after which they are sent, before the next event. So a few long replies stay in the processor's cache
 * until they are encrypted. */
const BATCH = 128 * 1024;

type RequestEvent = Extract<SftpServerEvent<OpenHandle>, { readonly type: "request" }>;

/** The part of a channel that SFTP uses. */
export type SftpPeerChannel = Pick<Channel, "write" | "consumed" | "closed">;

/** A session that carries SFTP: an SSH session, or other bytes such as standard input and output. */
export interface SftpPeer extends Pick<BaseSession, "user"> {
  /** Factors that the client logged in with; `undefined` for a client without a login, such as one on standard input. */
  readonly factors?: BaseSession["factors"] | undefined;
  /** The client's identification string, if it is known. It decides the order of paths in SSH_FXP_SYMLINK. */
  readonly clientVersion?: string | undefined;
  /** Passes the client's bytes to `handler`, and returns the channel to write to; see `BaseSession.takeChannel`. */
  takeChannel(handler: SessionBytes): SftpPeerChannel;
}

/** Files, user, permissions and log of a session. */
export interface SftpSessionContext {
  readonly fileSystem: FileSystem;
  readonly readOnly: boolean;
  readonly user: string;
  isPermitted(this: void, type: SftpRequestType): boolean;
  log(this: void, event: SftpServerLogEvent): void;
  /** `undefined` if requests are not reported. */
  readonly onRequest: ((event: SftpRequestEvent) => void) | undefined;
}

type State =
  | { readonly kind: "open" }
  /** The channel is closed, and requests are still being answered. */
  | { readonly kind: "closed" }
  /** The machine has ended. Replies are unsent, or files are open. */
  | { readonly kind: "ended"; readonly error: SshError | undefined }
  /** `ended` settles once the files are closed. */
  | { readonly kind: "settled" };

/** Runs an `SftpServer` over the channel of a session. Requests are answered from a file system. */
export class SftpSession implements SessionBytes {
  /** Resolves when the client has ended SFTP and every file is closed. Rejects if the client violated the protocol. */
  readonly ended: Promise<void>;
  readonly #context: SftpSessionContext;
  readonly #machine: SftpServer<OpenHandle>;
  readonly #answering: AnswerContext;
  readonly #paths = new PathOrder();
  #channel: SftpPeerChannel | undefined;
  /** Number of received bytes. */
  #received = 0;
  /** Buffers of received bytes that may not be parsed yet, and the value of `#received` after each. */
  readonly #unparsed: { readonly buffer: ArrayBuffer; readonly end: number }[] = [];
  /** Received bytes without window credit. */
  #unconsumed = 0;
  #state: State = { kind: "open" };
  #isTurnScheduled = false;
  /** Files and directories that are being closed after the end. */
  readonly #releases: Promise<void>[] = [];
  #settle!: { readonly resolve: () => void; readonly reject: (error: SshError) => void };

  constructor(machine: SftpServer<OpenHandle>, context: SftpSessionContext) {
    this.#machine = machine;
    this.#context = context;
    this.#answering = { fs: context.fileSystem, user: context.user, machine, isOver: () => this.#isOver };
    this.ended = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  /** Whether no further request is carried out. */
  get #isOver(): boolean {
    return this.#state.kind !== "open";
  }

  /** Sets the channel to write to. */
  start(channel: SftpPeerChannel): void {
    this.#channel = channel;
    this.#turn();
  }

  data(_: number, bytes: Bytes): void {
    this.#received += bytes.length;
    this.#unconsumed += bytes.length;
    if (bytes.length >= FREED_FROM) this.#unparsed.push({ buffer: bytes.buffer, end: this.#received });
    this.#machine.receive(bytes);
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
    if (this.#state.kind === "open") this.#state = { kind: "closed" };
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
    this.#freeParsed();
    this.#settleEnd();
    // rule: sftp-server-backpressure
    if (!this.#machine.wantsInput) return;
    const bytes = this.#unconsumed;
    this.#unconsumed = 0;
    if (bytes > 0) this.#channel.consumed(bytes);
  }

  /** Frees the buffers whose bytes are parsed. The machine has copied these, and nothing else uses the buffer of a channel's data. */
  #freeParsed(): void {
    const parsed = this.#received - this.#machine.unparsed;
    for (let first = this.#unparsed[0]; first !== undefined && first.end <= parsed; first = this.#unparsed[0]) {
      freeBuffer(first.buffer);
      this.#unparsed.shift();
    }
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
        this.#state = { kind: "ended", error: event.error };
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

  /** Answers a request in the order of paths, at once or later. */
  #answer(event: RequestEvent): void {
    const { token, request } = event;
    const answer = (): Promise<void> | undefined => {
      // A file must be closed even after the end.
      if (!this.#isOver || request.type === "close") return this.#answerPermitted(token, request);
      this.#machine.status(token, SSH_FX.FAILURE);
      return undefined;
    };
    try {
      const answered = isByPath(request)
        ? this.#paths.run(isChange(request) ? "change" : "read", async () => answer())
        : answer();
      if (answered === undefined) {
        this.#report(request, undefined);
        return;
      }
      if (!isByPath(request) && isChange(request)) this.#paths.add(answered);
      void this.#answerLater(event, answered);
    } catch (error) {
      this.#refuse(event, error);
    }
  }

  #answerPermitted(token: AskToken, request: Request): Promise<void> | undefined {
    const { isPermitted, readOnly } = this.#context;
    // rule: sftp-denied-request
    if (!isPermitted(request.type)) throw new FileSystemError("EACCES");
    // rule: sftp-read-only
    if (readOnly && isChange(request)) throw new FileSystemError("EACCES");
    return answerRequest(token, request, this.#answering);
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
    if (onRequest === undefined) return;
    const [path, otherPath] = pathsOf(request);
    onRequest({ request: request.type, path, otherPath, refusal });
  }

  /** Reports an exception that is not meant for the client. */
  #fault(request: Request, error: unknown): { readonly status: number; readonly message: string } {
    this.#context.log({ type: "failed", request: request.type, path: pathsOf(request)[0], error });
    // rule: sftp-fault-text
    return { status: SSH_FX.FAILURE, message: "Failure" };
  }

  /** Schedules a turn, which runs after all answers of the current task, so that their replies leave together. */
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
    if (this.#state.kind !== "ended") return;
    const { error } = this.#state;
    if (error === undefined && this.#machine.unsent.length > 0 && !this.#channel!.closed) return;
    this.#state = { kind: "settled" };
    void Promise.all(this.#releases).then(() =>
      error === undefined ? this.#settle.resolve() : this.#settle.reject(error),
    );
  }
}
