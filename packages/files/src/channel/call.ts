import { type FailedCall, type SftpClientRequest, SftpError, type SftpReplyEvent, SSH_FX } from "@nacre/sftp";
import { escapeText, SshError } from "@nacre/wire";
import { abortedError, checkSignal, onAbort } from "nacre/extend";
import type { Sender, SftpChannel, Waiter } from "./sftp-channel.ts";

/** Call of an application that sends requests, for its errors. */
export interface CallContext extends FailedCall {
  /** Name of the call. */
  readonly call: string;
  /** `path` as messages show it; default escaped. */
  readonly shownPath?: string | undefined;
  /** Aborts the call. */
  readonly signal?: AbortSignal | undefined;
  /** Made by the application's call: its stack has the caller, which an abort does not know. */
  readonly origin?: Error | undefined;
}

/** Returns the context of a public call, with the caller's stack. Throws `usage` if `signal` is not an AbortSignal. */
export function callContext<P extends string | undefined>(
  name: string,
  path: P,
  signal: AbortSignal | undefined,
): CallContext & { readonly path: P } {
  checkSignal(signal);
  return { call: name, path, signal, origin: signal && new Error() };
}

type Reply = SftpReplyEvent<Waiter>;

/** The answer of one type. */
export type Answer<T extends Reply["type"]> = Extract<Reply, { readonly type: T }>;

/**
 * Sends a request and resolves with the server's answer. Rejects with an `SftpError` if the server refuses it, `sftp-unsupported` if the
 * server lacks the extension, `aborted`, or the error that ended SFTP. `expected` is the type of the answer to this request.
 */
export async function call<T extends Reply["type"]>(
  channel: SftpChannel,
  request: SftpClientRequest,
  expected: T,
  context: CallContext,
): Promise<Answer<T>> {
  const answer = await ask(channel, request, context);
  if (answer.type === "status" && (expected !== "status" || answer.status !== SSH_FX.OK))
    throw new SftpError(answer.status, answer.message, context);
  return answer as Answer<T>;
}

/** Sends a request and resolves with the server's answer, which may be a refusal. Rejects like `call` otherwise. */
export function ask(channel: SftpChannel, request: SftpClientRequest, context: CallContext): Promise<Reply> {
  return new Promise((resolve, reject) => {
    new Asked(channel, request, context, resolve, reject).room();
  });
}

/** A request and its caller. */
class Asked implements Waiter, Sender {
  readonly #channel: SftpChannel;
  readonly #request: SftpClientRequest;
  readonly #context: CallContext;
  readonly #resolve: (reply: Reply) => void;
  readonly #reject: (error: unknown) => void;
  readonly #unwatch: (() => void) | undefined;
  /** Id of the request, once it is sent. */
  #id: number | undefined;

  constructor(
    channel: SftpChannel,
    request: SftpClientRequest,
    context: CallContext,
    resolve: (reply: Reply) => void,
    reject: (error: unknown) => void,
  ) {
    this.#channel = channel;
    this.#request = request;
    this.#context = context;
    this.#resolve = resolve;
    this.#reject = reject;
    throwIfAborted(context);
    const { signal } = context;
    this.#unwatch = signal && onAbort(signal, () => this.#abort());
  }

  room(): void {
    if (!this.#channel.makeRoom()) {
      this.#channel.waitForRoom(this);
      return;
    }
    try {
      this.#id = this.#channel.request(this.#request, this);
    } catch (error) {
      this.#unwatch?.();
      this.#reject(error);
    }
  }

  failed(error: SshError): void {
    this.#unwatch?.();
    this.#reject(error);
  }

  answered(answer: Reply): void {
    this.#unwatch?.();
    if (answer.type === "unanswered") this.#reject(answer.error);
    else this.#resolve(answer);
  }

  #abort(): void {
    this.#channel.stopWaiting(this);
    if (this.#id !== undefined) this.#channel.machine.abandon(this.#id);
    this.#reject(abortError(this.#context));
  }
}

/** Throws `aborted` if the signal of the call has aborted, and `usage` if it is not an AbortSignal. */
export function throwIfAborted(context: CallContext): void {
  checkSignal(context.signal);
  if (context.signal?.aborted) throw abortError(context);
}

/** Returns the error of an aborted call. */
export function abortError({ call: name, path, shownPath, signal, origin }: CallContext): SshError {
  const subject = path === undefined ? name : `${name} "${shownPath ?? escapeText(path)}"`;
  const error = abortedError(subject, signal!, "; the server may still carry it out");
  const { stack = "" } = error;
  const frames = origin?.stack?.split("\n").slice(1) ?? [];
  error.stack = [stack, ...frames.filter((frame) => !stack.includes(frame))].join("\n");
  return error;
}

/** Returns the error of a request that failed: the server's refusal, or the reason why there is no answer. */
export function failureOf(answer: Reply, failed: FailedCall): SshError {
  return answer.type === "status"
    ? new SftpError(answer.status, answer.message, failed)
    : (answer as Answer<"unanswered">).error;
}

/** Returns whether an error is a refusal of the server with this status. */
export function hasStatus(error: unknown, status: number): boolean {
  return error instanceof SftpError && error.status === status;
}
