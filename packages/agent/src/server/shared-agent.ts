import {
  type PrivateKey,
  type PrivateKeyFields,
  readSignature,
  type SignatureAlgorithm,
  type SignatureFacts,
} from "@nacre/keys/internal";
import { type RandomSource, Reader, SshError } from "@nacre/wire";
import type { SessionBind } from "../messages/extensions.ts";
import type { KeyStore } from "./key-store.ts";
import type { AgentLimits } from "./limits.ts";
import type { Lock } from "./lock.ts";
import type { Time } from "./session-binds.ts";

/** Cryptography of an `Agent`. `@nacre/keys` and `@noble/hashes` have all of it. */
export interface AgentCrypto {
  /** Builds the keys that clients add: `privateKeyFromFields`. */
  readonly privateKey: (fields: PrivateKeyFields) => PrivateKey;
  /** Verifies the host keys in session binds: `defaultSignatureAlgorithms`, and `defaultCertificateAlgorithms` for hosts' certificates. */
  readonly signatureAlgorithms: readonly SignatureAlgorithm[];
  /** Hashes passphrases of the lock with a salt: `sha256`. */
  readonly hash: (data: Uint8Array) => Uint8Array;
}

/** State shared by the connections of an agent. */
export interface SharedAgent {
  readonly crypto: AgentCrypto;
  readonly random: RandomSource;
  readonly time: Time;
  readonly limits: AgentLimits;
  readonly keys: KeyStore;
  readonly lock: Lock;
  /** Open connections. */
  readonly connections: Set<object>;
}

/** Returns the facts of a session bind's signature; `undefined` if its host key did not sign its session identifier. */
export function verifyBind(
  { hostKey, sessionId, signature }: SessionBind,
  { signatureAlgorithms }: Pick<AgentCrypto, "signatureAlgorithms">,
): SignatureFacts | undefined {
  try {
    const format = new Reader(hostKey, "host key").name("format");
    return signatureAlgorithms
      .find((one) => one.keyFormat === format && readSignature(one.signatureName, signature) !== undefined)
      ?.verify(hostKey, sessionId, signature);
  } catch (error) {
    // The key is malformed or weak.
    if (!(error instanceof SshError)) throw error;
    return undefined;
  }
}
