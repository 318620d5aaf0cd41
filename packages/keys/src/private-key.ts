import type { RandomSource } from "@nacre/wire";
import { noSuchAlgorithm } from "./blob.ts";
import type { PrivateKey, PrivateKeyFields, PublicKey } from "./key.ts";
import { writeSignature } from "./signature.ts";

/** Makes what stands in a signature after the algorithm's name, with an algorithm that the key has. */
export type Sign = (algorithm: string, data: Uint8Array, random: RandomSource) => Uint8Array;

/** A private key whose values have been checked. */
export function privateKeyOf(publicKey: PublicKey, fields: PrivateKeyFields, sign: Sign): PrivateKey {
  return {
    publicKey,
    fields,
    sign(algorithm, data, random) {
      if (!publicKey.algorithms.some(({ name }) => name === algorithm))
        throw noSuchAlgorithm(publicKey.format, algorithm);
      return writeSignature(algorithm, sign(algorithm, data, random));
    },
  };
}

/** Whether a key is one in memory, which signs at once: not one of an agent or a hardware module, which signs elsewhere. */
export function isPrivateKey(key: PrivateKey | { readonly publicKey: PublicKey }): key is PrivateKey {
  return "fields" in key;
}
