import { type RandomSource, SshError } from "@nacre/wire";
import type { PrivateKey, PrivateKeyFields, PublicKey } from "./key.ts";
import { writeSignature } from "./signature.ts";

/** Signs `data` with an algorithm that the key supports. Returns the part of the signature blob after the algorithm name. */
export type Sign = (algorithm: string, data: Uint8Array, random: RandomSource) => Uint8Array;

/** Builds a private key from values that are already checked. */
export function privateKeyOf(publicKey: PublicKey, fields: PrivateKeyFields, sign: Sign): PrivateKey {
  return {
    publicKey,
    fields,
    sign(algorithm, data, random) {
      const names = publicKey.algorithms.find(({ name }) => name === algorithm);
      if (names === undefined)
        throw new SshError("key-unsupported", `key of format ${publicKey.format} cannot sign with ${algorithm}`);
      return writeSignature(names.signatureName, sign(algorithm, data, random));
    },
  };
}

/** Returns whether a key is in memory and signs synchronously, unlike a key in an agent or a hardware module. */
export function isPrivateKey(key: PrivateKey | { readonly publicKey: PublicKey }): key is PrivateKey {
  return "fields" in key;
}
