import type { PublicKey } from "@nacre/keys/internal";
import { SshError, Writer } from "@nacre/wire";
import { publicKeyLine, type WebIdentity } from "./identity.ts";
import { WEB_ALGORITHMS } from "./web-algorithms.ts";

/** A key whose private half WebCrypto holds and does not give out: a script of the page can use it, but not copy it. */
export interface WebKey extends WebIdentity {
  /** The private key by signature algorithm: of RSA one for each hash. Not extractable. */
  readonly privateKeys: Readonly<Record<string, CryptoKey>>;
}

/** Makes an identity of a public key and its private half. Only the algorithms in `privateKeys` are offered. */
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

/** Throws unless what the private key signs is verified by the public one: a platform may have an algorithm by name only. */
export async function probe(algorithm: string, { privateKey, publicKey }: CryptoKeyPair): Promise<void> {
  const { signature } = WEB_ALGORITHMS[algorithm]!;
  const data = new Uint8Array(32);
  const made = await webCrypto().sign(signature, privateKey, data);
  if (!(await webCrypto().verify(signature, publicKey, made, data)))
    throw new SshError("not-supported-here", `WebCrypto of this platform makes invalid signatures with ${algorithm}`);
}

/** WebCrypto of this page or worker. Throws `not-supported-here` where there is none. */
export function webCrypto(): SubtleCrypto {
  const subtle = (globalThis.crypto as Partial<Crypto> | undefined)?.subtle;
  if (subtle !== undefined) return subtle;
  throw new SshError(
    "not-supported-here",
    "this page has no crypto.subtle: WebCrypto needs https, or http on localhost",
  );
}
