import { type AskToken, askToken, SshError, staleAnswer } from "@nacre/wire";
import { QUERY, SESSION_BIND, SIGN_FLAGS } from "../constants.ts";
import { FrameReader } from "../frame-reader.ts";
import { type AgentAnswer, encodeAnswer } from "../messages/answers.ts";
import { queryAnswer, type SessionBind, sessionBind } from "../messages/extensions.ts";
import { type AddRequest, type AgentRequest, decodeRequest, type SignRequest } from "../messages/requests.ts";
import { Output } from "../output.ts";
import type { HeldKey } from "./key-store.ts";
import { readLoginRequest } from "./login-request.ts";
import { isVisible, maySign, type SessionBinds, withBind } from "./session-binds.ts";
import { type SharedAgent, verifyBind } from "./shared-agent.ts";

/** Event of an `AgentConnection`. */
export type AgentConnectionEvent =
  /** Asks whether a key may sign. Answer with `confirm`. Until then, this connection handles no further request. */
  | {
      readonly type: "confirm";
      readonly token: AskToken;
      /** Public key or certificate blob. */
      readonly publicKey: Uint8Array;
      /** Untrusted text, as all names here: escape it before display. */
      readonly comment: string;
      /** User name of the login that is to be signed; `undefined` for any other data. */
      readonly userName: string | undefined;
      /** Host keys of the SSH connections that lead from the agent to the client, in this order. */
      readonly hostKeys: readonly Uint8Array[];
    }
  /** A request was answered. Send the answer before you take the next event. */
  | {
      readonly type: "answered";
      /** "invalid": malformed, or of an unknown type. */
      readonly request: AgentRequest["type"] | "invalid";
      readonly isRefused: boolean;
    }
  /** Last event. `error`: the client violated the protocol. */
  | { readonly type: "closed"; readonly error: SshError | undefined };

/** A signature that waits for a confirmation. */
interface Confirming {
  readonly token: AskToken;
  readonly request: SignRequest;
  readonly held: HeldKey;
}

type State =
  | { readonly kind: "open" }
  | { readonly kind: "confirming"; readonly ask: Confirming }
  /** Waits until the passphrase may be tried. */
  | { readonly kind: "unlocking"; readonly passphrase: Uint8Array }
  /** "closed" is not returned yet. The answer to an open ask has no effect. */
  | { readonly kind: "ended"; readonly error: SshError | undefined; readonly ask: Confirming | undefined }
  | { readonly kind: "closed"; readonly ask: Confirming | undefined };

const FAILURE: AgentAnswer = { type: "failure" };
const SUCCESS: AgentAnswer = { type: "success" };

/**
 * One connection to an `Agent`. `receive` takes the client's bytes, `nextEvent` handles one request and returns its event, and `unsent` has
 * the bytes to send. Requests are answered in order.
 *
 * Malformed and unknown requests are refused. A message that is empty or longer than 256 KiB ends the connection. Invalid calls throw
 * `usage`.
 */
export class AgentConnection {
  readonly #shared: SharedAgent;
  readonly #frames = new FrameReader();
  readonly #output = new Output();
  #binds: SessionBinds = { kind: "unbound" };
  /** Whether the client sends no more bytes. */
  #hasEnded = false;
  #state: State = { kind: "open" };

  /** Called by `Agent.connect`. */
  constructor(shared: SharedAgent) {
    this.#shared = shared;
  }

  /** Bytes to send. Report them with `sent`. */
  get unsent(): Uint8Array {
    return this.#output.unsent;
  }

  /** Reports the first `length` bytes of `unsent` as sent. Then take events again. Throws `usage` if there are fewer. */
  sent(length: number): void {
    this.#output.sent(length);
  }

  /** Whether to read on from the client. False while as many bytes wait as a message of the maximum length has. */
  get wantsInput(): boolean {
    return !this.#frames.isFull;
  }

  /** Time at which to take events again; `undefined` for none. */
  get deadline(): number | undefined {
    return this.#state.kind === "unlocking" ? this.#shared.lock.attemptsFrom : undefined;
  }

  /** Adds bytes from the client. They are copied. Take the events after each call. */
  receive(bytes: Uint8Array): void {
    if (!this.#isOver) this.#frames.push(bytes);
  }

  /** Reports that the client sends no more bytes. Requests received so far are still handled. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Ends the connection now. Received requests are dropped, and no more answers are sent. */
  close(error?: SshError): void {
    if (!this.#isOver) this.#end(error);
  }

  /** Handles the next request and returns its event. Returns `undefined` until more is received, confirmed or sent, or time has passed. */
  nextEvent(now: number): AgentConnectionEvent | undefined {
    switch (this.#state.kind) {
      case "open":
        return this.#receive(now);
      case "unlocking": {
        // rule: agent-unlock-delay
        if (now < this.#shared.lock.attemptsFrom) return undefined;
        const { passphrase } = this.#state;
        this.#state = { kind: "open" };
        return this.#answered("unlock", this.#shared.lock.unlock(passphrase, now) ? SUCCESS : FAILURE);
      }
      case "ended": {
        const { error, ask } = this.#state;
        this.#state = { kind: "closed", ask };
        return { type: "closed", error };
      }
      default:
        return undefined;
    }
  }

  /** Answers a "confirm" event. Then take events again. Throws `usage` for a token that is used or unknown. */
  confirm(token: AskToken, isAllowed: boolean, now: number): void {
    const ask = "ask" in this.#state ? this.#state.ask : undefined;
    // rule: agent-confirm-token
    if (ask === undefined || ask.token !== token) throw staleAnswer(token);
    if (this.#state.kind === "ended" || this.#state.kind === "closed") {
      this.#state = { ...this.#state, ask: undefined };
      return;
    }
    this.#state = { kind: "open" };
    const { request, held } = ask;
    const isPermitted =
      /* rule: agent-confirm */ isAllowed &&
      /* rule: agent-confirm-held */ this.#shared.keys.find(request.publicKey, now) === held &&
      /* rule: agent-confirm-locked */ !this.#shared.lock.isLocked;
    this.#output.message(encodeAnswer(isPermitted ? this.#signature(request, held) : FAILURE));
  }

  get #isOver(): boolean {
    return this.#state.kind === "ended" || this.#state.kind === "closed";
  }

  #end(error: SshError | undefined): void {
    this.#state = { kind: "ended", error, ask: this.#state.kind === "confirming" ? this.#state.ask : undefined };
    this.#shared.connections.delete(this);
    this.#frames.clear();
    this.#output.clear();
  }

  #receive(now: number): AgentConnectionEvent | undefined {
    // rule: agent-unsent
    if (this.#output.unsent.length >= this.#shared.limits.maxUnsent) return undefined;
    let message: Uint8Array | undefined;
    try {
      message = this.#frames.next();
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      this.#end(error);
      return this.nextEvent(now);
    }
    if (message !== undefined) return this.#handle(message, now);
    if (!this.#hasEnded || this.#output.unsent.length > 0) return undefined;
    const isInside = this.#frames.held > 0;
    this.#end(isInside ? new SshError("connection-lost", "the client of the agent ended within a message") : undefined);
    return this.nextEvent(now);
  }

  #handle(message: Uint8Array, now: number): AgentConnectionEvent | undefined {
    let request: AgentRequest;
    try {
      request = decodeRequest(message);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      return this.#answered("invalid", FAILURE);
    }
    const { lock } = this.#shared;
    if (request.type === "unlock") {
      this.#state = { kind: "unlocking", passphrase: request.passphrase };
      return this.nextEvent(now);
    }
    // rule: agent-locked
    if (lock.isLocked) return this.#answered(request.type, this.#whileLocked(request));
    if (request.type === "sign") return this.#sign(request, now);
    return this.#answered(request.type, this.#answer(request, now));
  }

  #whileLocked(request: AgentRequest): AgentAnswer {
    if (request.type === "list") return { type: "identities", identities: [] };
    // A connection stays bound to what it was opened for, whether or not the agent is locked at the time.
    if (request.type === "extension" && request.name === SESSION_BIND) return this.#bind(request.data);
    return FAILURE;
  }

  #answer(request: Exclude<AgentRequest, SignRequest>, now: number): AgentAnswer {
    const { keys, lock } = this.#shared;
    switch (request.type) {
      case "list":
        return {
          type: "identities",
          identities: /* rule: agent-hidden-list */ keys.all(now).filter((held) => this.#sees(held)),
        };
      case "add":
        return this.#add(request, now) ? SUCCESS : FAILURE;
      case "remove": {
        const held = keys.find(request.publicKey, now);
        if (held === undefined || /* rule: agent-hidden-remove */ !this.#sees(held)) return FAILURE;
        keys.remove(held);
        return SUCCESS;
      }
      case "remove-all":
        keys.clear();
        return SUCCESS;
      case "lock":
        return lock.lock(request.passphrase) ? SUCCESS : FAILURE;
      case "extension":
        if (request.name === SESSION_BIND) return this.#bind(request.data);
        if (request.name === QUERY) return { type: "extension", name: QUERY, data: queryAnswer.encode([SESSION_BIND]) };
        return FAILURE;
      default:
        return FAILURE;
    }
  }

  #sees(held: HeldKey): boolean {
    return isVisible(held.destinations, this.#binds, this.#shared.time);
  }

  #bind(data: Uint8Array): AgentAnswer {
    let bind: SessionBind | undefined;
    try {
      bind = sessionBind.decode(data);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
    }
    this.#binds =
      bind === undefined
        ? { kind: "failed" }
        : withBind(this.#binds, bind, (one) => verifyBind(one, this.#shared.crypto));
    return this.#binds.kind === "failed" ? { type: "extension-failure" } : SUCCESS;
  }

  /** Adds a key. Returns whether the agent accepts it. */
  #add({ key, comment, constraints }: AddRequest, now: number): boolean {
    const { crypto, keys } = this.#shared;
    const { lifetime, confirm = false, destinations, provider, associatedCertificates } = constraints;
    // rule: agent-security-key
    if (key.type === "security-key") return false;
    // rule: agent-provider
    if (provider !== undefined) return false;
    // Only keys of smart cards have them.
    if (associatedCertificates !== undefined) return false;
    try {
      const privateKey = crypto.privateKey(key.fields);
      const publicKey = key.type === "certificate" ? key.certificate : privateKey.publicKey.blob;
      const held = keys.find(publicKey, now);
      // rule: agent-hidden-replace
      if (held !== undefined && !this.#sees(held)) return false;
      const expires = lifetime === undefined ? undefined : now + lifetime * 1000;
      return keys.put({ publicKey, privateKey, comment, expires, confirm, destinations }, now);
    } catch (error) {
      // The values do not match, or the key is weak.
      if (!(error instanceof SshError) || error.culprit === "bug") throw error;
      return false;
    }
  }

  #sign(request: SignRequest, now: number): AgentConnectionEvent {
    const held = this.#shared.keys.find(request.publicKey, now);
    if (held === undefined || /* rule: agent-restricted */ !this.#maySign(held, request))
      return this.#answered("sign", FAILURE);
    if (!held.confirm) return this.#answered("sign", this.#signature(request, held));
    const token = askToken("sign");
    this.#state = { kind: "confirming", ask: { token, request, held } };
    return {
      type: "confirm",
      token,
      publicKey: held.publicKey,
      comment: held.comment,
      userName: readLoginRequest(request.data)?.userName,
      hostKeys: this.#binds.kind === "bound" ? this.#binds.hops.map(({ hostKey }) => hostKey) : [],
    };
  }

  #maySign({ destinations, publicKey }: HeldKey, { data }: SignRequest): boolean {
    return maySign(destinations, publicKey, data, this.#binds, this.#shared.time);
  }

  #signature({ data, flags }: SignRequest, { privateKey }: HeldKey): AgentAnswer {
    const algorithm = signatureAlgorithm(privateKey.publicKey, flags);
    if (algorithm === undefined) return FAILURE;
    return { type: "signature", signature: privateKey.sign(algorithm, data, this.#shared.random) };
  }

  #answered(request: AgentRequest["type"] | "invalid", answer: AgentAnswer): AgentConnectionEvent {
    this.#output.message(encodeAnswer(answer));
    return { type: "answered", request, isRefused: answer.type === "failure" || answer.type === "extension-failure" };
  }
}

/** Returns the algorithm of a signature. `undefined`: without a flag, an RSA key would have to sign with SHA-1. */
function signatureAlgorithm(key: HeldKey["privateKey"]["publicKey"], flags: number): string | undefined {
  if (key.format !== "ssh-rsa") return key.algorithms[0]?.name;
  if ((flags & SIGN_FLAGS.RSA_SHA2_256) !== 0) return "rsa-sha2-256";
  if ((flags & SIGN_FLAGS.RSA_SHA2_512) !== 0) return "rsa-sha2-512";
  // rule: agent-sha1
  return undefined;
}
