import { Reader } from "@nacre/wire";
import { derFromSsh } from "../../keys/ecdsa-signature.ts";

/** The key of a login as ssh2 shows it: `algo` is the key's type, also for RSA with SHA-2. */
export interface AuthKey {
  readonly algo: string;
  readonly data: Buffer;
}

/** A login with a key, as ssh2 shows it. */
export interface Ssh2Key {
  readonly key: AuthKey;
  /** `"sha256"` or `"sha512"` for RSA with SHA-2. */
  readonly hashAlgo: string | undefined;
}

/** Returns the key of a login as ssh2 shows it. `algorithm` is the signature algorithm. */
export function ssh2Key(algorithm: string, publicKey: Uint8Array): Ssh2Key {
  const sha2 = /^rsa-sha2-(?<bits>256|512)$/.exec(algorithm)?.groups?.["bits"];
  return {
    key: { algo: sha2 === undefined ? algorithm : "ssh-rsa", data: Buffer.from(publicKey) },
    hashAlgo: sha2 && `sha${sha2}`,
  };
}

/** Returns a verified signature blob (RFC 4253 §6.6) as `ParsedKey.verify` takes it: without its name, and ECDSA as DER. */
export function ssh2Signature(blob: Uint8Array): Buffer {
  const reader = new Reader(blob, "signature");
  const name = reader.name("algorithm");
  const signature = reader.string("signature");
  const der = name.startsWith("ecdsa-sha2-") ? derFromSsh(signature) : undefined;
  return der ?? Buffer.from(signature);
}
