import type { PublicKey } from "@nacre/keys/internal";
import { SshError, Writer } from "@nacre/wire";
import { publicKeyLine, type WebIdentity } from "./identity.ts";
import { WEB_ALGORITHMS } from "./web-algorithms.ts";

/** A key with a private half in WebCrypto. Scripts of the page can sign with it but cannot copy it. */
export interface WebKey extends WebIdentity {
  /** Private keys by signature algorithm, not extractable. An RSA key has one entry per hash. */
  readonly privateKeys: Readonly<Record<string, CryptoKey>>;
}

/** Creates an identity from a public key and its private half. Offers only the algorithms in `privateKeys`. */
export function webKeyOf(publicKey: PublicKey, privateKeys: Readonly<Record<string, CryptoKey>>): WebKey {
  const algorithms = publicKey.algorithms.filter(({ name }) => Object.hasOwn(privateKeys, name));
  return {
    publicKey: { ...publicKey, algorithms },
    privateKeys,
    authorizedKeysLine: (comment) => publicKeyLine(publicKey, comment),
    async sign(algorithm, data) {
      const known = algorithms.some(({ name }) => name === algorithm) && WEB_ALGORITHMS[algorithm];
      if (!known)
        throw new SshError("key-unsupported", `a key of format ${publicKey.format} cannot sign with ${algorithm}`);
      const made = await webCrypto().sign(known.signature, privateKeys[algorithm]!, new Uint8Array(data));
      return new Writer(1024)
        .string(algorithm)
        .string(known.encode(new Uint8Array(made)))
        .finish();
    },
  };
}

/**
 * Signs and verifies test data with a key pair. Throws `not-supported-here` if the signature is invalid, because a platform may accept an
 * algorithm and implement it wrongly.
 */
export async function probe(algorithm: string, { privateKey, publicKey }: CryptoKeyPair): Promise<void> {
  const { signature } = WEB_ALGORITHMS[algorithm]!;
  const data = new Uint8Array(32);
  const made = await webCrypto().sign(signature, privateKey, data);
  if (!(await webCrypto().verify(signature, publicKey, made, data)))
    throw new SshError("not-supported-here", `WebCrypto of this platform makes invalid signatures with ${algorithm}`);
}

/** Returns WebCrypto of this page or worker. Throws `not-supported-here` if it is missing. */
export function webCrypto(): SubtleCrypto {
  const subtle = (globalThis.crypto as Partial<Crypto> | undefined)?.subtle;
  if (subtle !== undefined) return subtle;
  throw new SshError(
    "not-supported-here",
    "this page has no crypto.subtle: WebCrypto needs https, or http on localhost",
  );
}
