import { Reader, SshError } from "@nacre/wire";
import { MAX_MESSAGE_LENGTH, QUERY, SESSION_BIND, SIGN_FLAGS } from "./constants.ts";
import { FrameReader } from "./frame-reader.ts";
import { type AgentAnswer, type AgentIdentity, decodeAnswer } from "./messages/answers.ts";
import type { KeyConstraints } from "./messages/constraints.ts";
import { queryAnswer, type SessionBind, sessionBind } from "./messages/extensions.ts";
import { type AddedKey, plainName } from "./messages/keys.ts";
import { type AgentRequest, encodeRequest } from "./messages/requests.ts";
import { Output } from "./output.ts";

/** Event of an `AgentClient`. `waiter` is the value that was passed with the request. */
export type AgentClientEvent<Waiter> =
  /** Answers `list`. */
  | { readonly type: "identities"; readonly waiter: Waiter; readonly identities: readonly AgentIdentity[] }
  /** Answers `sign`. The signature names the algorithm that was asked for; it is not verified. */
  | { readonly type: "signature"; readonly waiter: Waiter; readonly signature: Uint8Array }
  /** Answers every other request but `query`. `data`: what an extension returned; else empty. */
  | { readonly type: "success"; readonly waiter: Waiter; readonly data: Uint8Array }
  /** Answers `query`. */
  | { readonly type: "extensions"; readonly waiter: Waiter; readonly names: readonly string[] }
  /** The agent refused: it is locked, lacks the key, its user said no, or it does not know the request. */
  | { readonly type: "refused"; readonly waiter: Waiter; readonly error: SshError }
  /** The connection ended before the answer. */
  | { readonly type: "unanswered"; readonly waiter: Waiter; readonly error: SshError }
  /** Last event. `error` is `undefined` if the agent closed the connection while no request was pending. */
  | { readonly type: "closed"; readonly error: SshError | undefined };

interface PendingRequest<Waiter> {
  readonly request: AgentRequest;
  /** Name that a signature must carry. */
  readonly algorithm: string | undefined;
  readonly waiter: Waiter;
}

type State =
  | { readonly kind: "open" }
  /** Has events to return. */
  | { readonly kind: "ended"; readonly error: SshError | undefined }
  | { readonly kind: "closed" };

/**
 * One connection to an SSH agent (RFC 9987, with OpenSSH's extensions), as a pure state machine. `receive` takes the agent's bytes,
 * `nextEvent` returns events, and `unsent` has the bytes to send.
 *
 * The agent answers requests in their order, and each gets one event. Further requests may be sent before the first answer. An agent may
 * take minutes for a signature, since its user may have to confirm it.
 *
 * Invalid input from the agent ends the connection: one "unanswered" event for each request, then "closed". Invalid calls throw `usage`;
 * calls after the end throw `agent-failed`.
 */
export class AgentClient<Waiter = void> {
  readonly #frames = new FrameReader();
  readonly #output = new Output();
  readonly #pending: PendingRequest<Waiter>[] = [];
  #state: State = { kind: "open" };

  /** Number of requests without an answer. */
  get requestCount(): number {
    return this.#pending.length;
  }

  /** Bytes to send. Report them with `sent`. */
  get unsent(): Uint8Array {
    return this.#output.unsent;
  }

  /** Reports the first `length` bytes of `unsent` as sent. Throws `usage` if there are fewer. */
  sent(length: number): void {
    this.#output.sent(length);
  }

  /** Asks for the keys that the agent holds. */
  list(waiter: Waiter): void {
    this.request({ type: "list" }, waiter);
  }

  /**
   * Asks for a signature by the key with this public key or certificate blob. `algorithm` is that of the signature; one of a certificate,
   * such as "rsa-sha2-512-cert-v01@openssh.com", means the plain one. Throws `usage` if an RSA key is to sign without SHA-2.
   */
  sign(publicKey: Uint8Array, algorithm: string, data: Uint8Array, waiter: Waiter): void {
    const plain = plainName(algorithm);
    const format = plainName(new Reader(publicKey, "public key", { code: "usage" }).name("format"));
    const flags = format === "ssh-rsa" ? rsaFlags(plain) : 0;
    this.#send({ type: "sign", publicKey, data, flags }, plain, waiter);
  }

  /** Adds a key, or replaces comment and constraints of one that the agent holds. */
  add(key: AddedKey, comment: string, constraints: KeyConstraints, waiter: Waiter): void {
    this.request({ type: "add", key, comment, constraints }, waiter);
  }

  /** Removes the key with this public key or certificate blob. */
  remove(publicKey: Uint8Array, waiter: Waiter): void {
    this.request({ type: "remove", publicKey }, waiter);
  }

  /** Removes all keys. */
  removeAll(waiter: Waiter): void {
    this.request({ type: "remove-all" }, waiter);
  }

  /** Locks the agent: it shows and uses no key until it is unlocked with the same passphrase. */
  lock(passphrase: Uint8Array, waiter: Waiter): void {
    this.request({ type: "lock", passphrase }, waiter);
  }

  /** Unlocks the agent. */
  unlock(passphrase: Uint8Array, waiter: Waiter): void {
    this.request({ type: "unlock", passphrase }, waiter);
  }

  /** Ties this connection to an SSH connection, so that the agent can apply the destinations of its keys. Send it before `list`. */
  bindSession(bind: SessionBind, waiter: Waiter): void {
    this.request({ type: "extension", name: SESSION_BIND, data: sessionBind.encode(bind) }, waiter);
  }

  /** Asks for the names of the agent's extensions. Agents without this extension refuse. */
  query(waiter: Waiter): void {
    this.request({ type: "extension", name: QUERY, data: new Uint8Array(0) }, waiter);
  }

  /**
   * Sends any request. Byte strings are copied. Throws `usage` for a signature (see `sign`), or if the message has more than 256 KiB, and
   * `agent-failed` after the end.
   */
  request(request: Exclude<AgentRequest, { readonly type: "sign" }>, waiter: Waiter): void {
    this.#send(request, undefined, waiter);
  }

  /** Adds bytes from the agent. They are copied. Take the events after each call. */
  receive(bytes: Uint8Array): void {
    if (this.#state.kind === "open") this.#frames.push(bytes);
  }

  /** Reports that the agent sends no more bytes. `error` is the reason, if it is known. */
  end(error?: SshError): void {
    if (this.#state.kind !== "open") return;
    const isExpected = this.#pending.length === 0 && this.#frames.held === 0;
    this.#end(
      error ??
        (isExpected ? undefined : new SshError("agent-failed", "the agent closed the connection without an answer")),
    );
  }

  /** Returns the next event, or `undefined` until more is received. */
  nextEvent(): AgentClientEvent<Waiter> | undefined {
    if (this.#state.kind === "open") {
      try {
        // rule: agent-unasked-answer
        if (this.#pending.length === 0 && this.#frames.held > 0)
          throw new SshError("unexpected-message", "the agent sent an answer without a request");
        const message = this.#frames.next();
        return message === undefined ? undefined : this.#answer(message);
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        this.#end(error);
      }
    }
    if (this.#state.kind !== "ended") return undefined;
    const { error } = this.#state;
    const next = this.#pending.shift();
    if (next !== undefined)
      return { type: "unanswered", waiter: next.waiter, error: error ?? new SshError("agent-failed", "no answer") };
    this.#state = { kind: "closed" };
    return { type: "closed", error };
  }

  #send(request: AgentRequest, algorithm: string | undefined, waiter: Waiter): void {
    if (this.#state.kind !== "open")
      throw new SshError("agent-failed", "the connection to the agent has ended; connect again");
    const message = encodeRequest(request);
    if (message.length > MAX_MESSAGE_LENGTH)
      throw new SshError(
        "usage",
        `a request of ${message.length} bytes to the agent, but the maximum is ${MAX_MESSAGE_LENGTH}`,
      );
    this.#output.message(message);
    this.#pending.push({ request, algorithm, waiter });
  }

  #answer(message: Uint8Array): AgentClientEvent<Waiter> {
    const pending = this.#pending[0]!;
    const event = answerEvent(pending, decodeAnswer(message));
    this.#pending.shift();
    return event;
  }

  #end(error: SshError | undefined): void {
    this.#state = { kind: "ended", error };
    this.#frames.clear();
    this.#output.clear();
  }
}

/** Returns the flags for a signature of an RSA key. Without one, the agent would sign with SHA-1. */
function rsaFlags(algorithm: string): number {
  if (algorithm === "rsa-sha2-256") return SIGN_FLAGS.RSA_SHA2_256;
  if (algorithm === "rsa-sha2-512") return SIGN_FLAGS.RSA_SHA2_512;
  // rule: agent-rsa-flags
  throw new SshError("usage", "an RSA key of an agent signs with rsa-sha2-512 or rsa-sha2-256 only");
}

/** Returns the event for the answer to a request. Throws `unexpected-message` if the answer does not fit the request. */
function answerEvent<Waiter>(
  { request, algorithm, waiter }: PendingRequest<Waiter>,
  answer: AgentAnswer,
): AgentClientEvent<Waiter> {
  const what = request.type === "extension" ? request.name : request.type;
  if (answer.type === "failure" || answer.type === "extension-failure")
    return { type: "refused", waiter, error: new SshError("agent-failed", `the agent refused: ${what}`) };
  if (request.type === "list" && answer.type === "identities")
    return { type: "identities", waiter, identities: answer.identities };
  if (request.type === "sign" && answer.type === "signature") {
    // An agent that ignores the flags signs with SHA-1.
    // rule: agent-signature-name
    if (new Reader(answer.signature, "signature").name("algorithm") !== algorithm)
      return {
        type: "refused",
        waiter,
        error: new SshError("agent-failed", `the agent signed with another algorithm than ${algorithm}`),
      };
    return { type: "signature", waiter, signature: answer.signature };
  }
  if (request.type === "extension") {
    if (answer.type === "extension" && /* rule: agent-extension-name */ answer.name === request.name)
      return request.name === QUERY
        ? { type: "extensions", waiter, names: queryAnswer.decode(answer.data) }
        : { type: "success", waiter, data: answer.data };
    if (answer.type === "success" && request.name !== QUERY)
      return { type: "success", waiter, data: new Uint8Array(0) };
  } else if (answer.type === "success" && request.type !== "list" && request.type !== "sign") {
    return { type: "success", waiter, data: new Uint8Array(0) };
  }
  throw new SshError("unexpected-message", `the agent answered a request of type ${what} with "${answer.type}"`);
}
