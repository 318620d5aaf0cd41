import { decodeRequest, SIGN_FLAGS } from "@nacre/agent";
import { SshError } from "@nacre/wire";
import { type ParsedKey, parseBlobKey } from "../keys/parse-key.ts";

/** A request that an agent received. Programs pass it back with the reply. */
export class InboundRequest {
  /** Reply, once there is one. Replies leave in the order of the requests. */
  reply: Uint8Array | undefined;
  readonly #type: number;
  readonly #context: string | undefined;

  /** `type` is that of the message; `context` is the name of the signature algorithm that the client asked for. */
  constructor(type: number, context?: string) {
    this.#type = type;
    this.#context = context;
  }

  hasResponded(): boolean {
    return this.reply !== undefined;
  }

  getType(): number {
    return this.#type;
  }

  getContext(): string | undefined {
    return this.#context;
  }
}

/** A request for a signature. */
export interface ReadSignRequest {
  readonly key: ParsedKey;
  readonly data: Buffer;
  /** Hash that an RSA key is to sign with. Without one it is SHA-1. */
  readonly hash: string | undefined;
  /** Name of the signature algorithm, which belongs into the reply. */
  readonly algorithm: string;
}

/** Reads a request for a signature. `undefined` for a malformed one, and for a type of key that is not supported. */
export function readSignRequest(message: Uint8Array): ReadSignRequest | undefined {
  try {
    const request = decodeRequest(message);
    if (request.type !== "sign") return undefined;
    const key = parseBlobKey(request.publicKey);
    if (key instanceof Error) return undefined;
    const [hash, algorithm] = key.type === "ssh-rsa" ? rsaAlgorithm(request.flags) : [undefined, key.type];
    return { key, data: Buffer.from(request.data), hash, algorithm };
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}

function rsaAlgorithm(flags: number): readonly [hash: string | undefined, algorithm: string] {
  if ((flags & SIGN_FLAGS.RSA_SHA2_256) !== 0) return ["sha256", "rsa-sha2-256"];
  return (flags & SIGN_FLAGS.RSA_SHA2_512) !== 0 ? ["sha512", "rsa-sha2-512"] : [undefined, "ssh-rsa"];
}
