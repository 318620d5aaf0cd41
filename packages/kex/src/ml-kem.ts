import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import type { MlKem768 } from "./hybrid.ts";

const SEED_LENGTH = 64;
const MESSAGE_LENGTH = 32;

/** ML-KEM-768, implemented with noble. */
export const mlKem768: MlKem768 = {
  keyPair(random) {
    const { publicKey, secretKey } = ml_kem768.keygen(random(SEED_LENGTH));
    return { publicKey, decapsulate: (ciphertext) => ml_kem768.decapsulate(ciphertext, secretKey) };
  },
  encapsulate(publicKey, random) {
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, random(MESSAGE_LENGTH));
    return { ciphertext: cipherText, sharedSecret };
  },
};
