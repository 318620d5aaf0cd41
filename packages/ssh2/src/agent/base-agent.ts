import type { Duplex } from "node:stream";
import type { ParsedKey } from "../keys/parse-key.ts";

/** How an agent is to sign. */
export interface SigningOptions {
  /** Hash for an RSA key: `"sha256"` or `"sha512"`. */
  readonly hash?: string | undefined;
}

/** Takes the keys of an agent: parsed ones, or what `parseKey` parses. */
export type IdentitiesCallback = (error?: Error | null, keys?: readonly (ParsedKey | Buffer | string)[]) => void;

/** Takes a signature without the name of its algorithm. */
export type SignatureCallback = (error?: Error | null, signature?: Buffer) => void;

/** Takes a stream to an agent. */
export type StreamCallback = (error?: Error | null, stream?: Duplex) => void;

/** An SSH agent. Programs make agents of their own by extending it. */
export class BaseAgent {
  /**
   * Passes a stream to the agent, for agent forwarding. Agents without one cannot be forwarded. `signal` tells that the stream is not
   * needed any more.
   */
  getStream?(callback: StreamCallback, signal?: AbortSignal): void;

  /** Passes the public keys of the agent. */
  getIdentities(callback: IdentitiesCallback): void {
    callback(new Error("Missing getIdentities() implementation"));
  }

  /** Passes a signature over `data` with the private key of `publicKey`. */
  sign(
    publicKey: ParsedKey | Buffer | string,
    data: Buffer,
    options: SigningOptions | SignatureCallback | null | undefined,
    callback?: SignatureCallback,
  ): void;
  sign(_publicKey: unknown, _data: unknown, options: unknown, callback?: SignatureCallback): void {
    const done = typeof options === "function" ? (options as SignatureCallback) : callback;
    done!(new Error("Missing sign() implementation"));
  }
}

/** Returns whether a value is an agent. */
export function isAgent(value: unknown): value is BaseAgent {
  return value instanceof BaseAgent;
}
