import { Duplex } from "node:stream";
import { encodeAnswer, encodeRequest, FrameReader, SIGN_FLAGS, SSH_AGENT } from "@nacre/agent";
import { SshError, Writer } from "@nacre/wire";
import { type ParsedKey, parseOneKey } from "../keys/parse-key.ts";
import { InvalidAnswer, readAnswer } from "./answers.ts";
import type { IdentitiesCallback, SignatureCallback, SigningOptions } from "./base-agent.ts";
import { InboundRequest, readSignRequest } from "./inbound-request.ts";
import { replyKeys } from "./reply-keys.ts";

/** A request that a client sent. */
interface SentRequest {
  readonly type: number;
  /** Gets an error, or what the agent answered. */
  readonly done: (error: Error | null, answer?: ParsedKey[] | Buffer) => void;
}

/**
 * One side of the agent protocol (RFC 9987) as a Node `Duplex`: bytes of the peer are written to it, and its own are read from it. A
 * client has `getIdentities` and `sign`. A server emits `identities` and `sign`, and has the methods that reply. Other requests, and those
 * without a listener, are answered with a failure. Answers come in the order of the requests.
 */
export class AgentProtocol extends Duplex {
  readonly #isClient: boolean;
  readonly #frames: FrameReader = new FrameReader();
  /** Requests of a client without an answer. */
  #sent: SentRequest[] = [];
  /** Requests to a server whose replies have not left. */
  readonly #open: InboundRequest[] = [];
  #isOver = false;
  #hasEnded = false;
  #hasClosed = false;

  constructor(isClient?: boolean) {
    super({ autoDestroy: true, emitClose: false });
    this.#isClient = Boolean(isClient);
    this.once("end", () => {
      this.#hasEnded = true;
    });
    this.once("close", () => {
      this.#hasClosed = true;
    });
  }

  /** Asks for the keys of the agent. Keys of types that are not supported are left out. Throws for a server. */
  getIdentities(callback?: IdentitiesCallback): boolean {
    this.#assertClient();
    return this.#request(SSH_AGENT.REQUEST_IDENTITIES, encodeRequest({ type: "list" }), callback);
  }

  /** Asks for a signature over `data`, which comes without the name of its algorithm. Throws for a server and for an invalid key. */
  sign(
    publicKey: ParsedKey | Buffer | string,
    data: Buffer,
    options?: SigningOptions | SignatureCallback | null,
    callback?: SignatureCallback,
  ): boolean {
    this.#assertClient();
    const done = typeof options === "function" ? options : callback;
    const hash = typeof options === "object" ? options?.hash : undefined;
    const key = parseOneKey(publicKey);
    if (key instanceof Error) throw new Error("Invalid public key argument");
    const flags = key.type === "ssh-rsa" ? (HASH_FLAGS[hash ?? ""] ?? 0) : 0;
    const request = encodeRequest({ type: "sign", publicKey: key.getPublicSSH(), data, flags });
    return this.#request(SSH_AGENT.SIGN_REQUEST, request, done);
  }

  /** Refuses a request. */
  failureReply(request: InboundRequest): boolean {
    this.#assertRequest(request);
    return this.#reply(request, encodeAnswer({ type: "failure" }));
  }

  /** Answers a request for keys: parsed ones, or objects with a `pubKey` and a `comment`. Others are left out. */
  getIdentitiesReply(request: InboundRequest, keys: readonly unknown[]): boolean {
    this.#assertRequest(request);
    if (request.hasResponded()) return true;
    if (request.getType() !== SSH_AGENT.REQUEST_IDENTITIES) throw new Error("Invalid response to request");
    if (!Array.isArray(keys)) throw new Error("Keys argument must be an array");
    return this.#reply(request, encodeAnswer({ type: "identities", identities: replyKeys(keys) }));
  }

  /** Answers a request for a signature, which comes without the name of its algorithm. */
  signReply(request: InboundRequest, signature: Buffer): boolean {
    this.#assertRequest(request);
    if (request.hasResponded()) return true;
    if (request.getType() !== SSH_AGENT.SIGN_REQUEST) throw new Error("Invalid response to request");
    if (!Buffer.isBuffer(signature)) throw new Error("Signature argument must be a Buffer");
    if (signature.length === 0) throw new Error("Signature argument must be non-empty");
    const blob = new Writer().string(request.getContext()!).string(signature).finish();
    return this.#reply(request, encodeAnswer({ type: "signature", signature: blob }));
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    let message: Uint8Array | undefined;
    try {
      this.#frames.push(chunk);
      while ((message = this.#frames.next()) !== undefined && !this.#isOver) this.#received(message);
    } catch (error) {
      // Exceptions of callbacks and listeners of the application stay uncaught.
      if (!(error instanceof InvalidAnswer) && !(error instanceof SshError)) throw error;
      return callback(error);
    }
    callback();
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#finish();
    callback();
  }

  /** As in ssh2, the error is not emitted: requests without an answer get one. */
  override _destroy(_error: Error | null, callback: (error?: Error | null) => void): void {
    this.#finish();
    callback();
  }

  #received(message: Uint8Array): void {
    if (!this.#isClient) return this.#requested(message);
    const request = this.#sent.shift();
    if (request === undefined) throw new InvalidAnswer("Received unexpected message from server");
    const answer = attempt(() => readAnswer(request.type, message));
    if (answer instanceof Error) request.done(answer);
    else request.done(null, answer);
    if (answer instanceof InvalidAnswer) throw answer;
  }

  #requested(message: Uint8Array): void {
    const type = message[0]!;
    const sign = type === SSH_AGENT.SIGN_REQUEST ? readSignRequest(message) : undefined;
    const request = new InboundRequest(type, sign?.algorithm);
    this.#open.push(request);
    const isTaken =
      sign === undefined
        ? type === SSH_AGENT.REQUEST_IDENTITIES && this.emit("identities", request)
        : this.emit("sign", request, sign.key, sign.data, { hash: sign.hash });
    if (!isTaken) this.failureReply(request);
  }

  #request(type: number, message: Uint8Array, callback: unknown): boolean {
    const done = typeof callback === "function" ? (callback as SentRequest["done"]) : () => {};
    if (this.#isOver) {
      process.nextTick(done, noReply());
      return false;
    }
    this.#sent.push({ type, done });
    return this.push(framed(message));
  }

  #reply(request: InboundRequest, message: Uint8Array): boolean {
    if (request.hasResponded()) return true;
    request.reply = message;
    let isRoom = true;
    while (this.#open[0]?.reply !== undefined && !this.#isOver) isRoom = this.push(framed(this.#open.shift()!.reply!));
    return isRoom;
  }

  /** Ends both sides: requests without an answer fail, and "end" and "close" are emitted once, even without a reader. */
  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#frames.clear();
    const waiting = this.#sent;
    this.#sent = [];
    for (const { done } of waiting) done(noReply());
    if (!this.writableEnded && !this.destroyed) this.end();
    setImmediate(() => {
      if (!this.#hasEnded) this.emit("end");
      if (!this.#hasClosed) this.emit("close");
    });
  }

  #assertClient(): void {
    if (!this.#isClient) throw new Error("Client-only method called with server role");
  }

  #assertRequest(request: unknown): void {
    if (this.#isClient) throw new Error("Server-only method called with client role");
    if (!(request instanceof InboundRequest)) throw new Error("Wrong request argument");
  }
}

const HASH_FLAGS: Readonly<Record<string, number>> = {
  sha256: SIGN_FLAGS.RSA_SHA2_256,
  sha512: SIGN_FLAGS.RSA_SHA2_512,
};

/** Returns a message with its length before it. */
function framed(message: Uint8Array): Uint8Array {
  return new Writer(message.length + 4).string(message).finish();
}

function noReply(): Error {
  return new Error("No reply from server");
}

function attempt<T>(read: () => T): T | InvalidAnswer {
  try {
    return read();
  } catch (error) {
    if (error instanceof InvalidAnswer) return error;
    throw error;
  }
}
