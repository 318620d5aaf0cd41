import * as nodeCrypto from "node:crypto";
import type { MlKem768 } from "@nacre/kex/parts";
import { concatBytes } from "@nacre/wire";
import { plainBytes } from "./bytes.ts";
import { importNow } from "./import-now.ts";

/** What node:crypto has of key encapsulation, from Node 24.7 on. */
interface Encapsulation {
  encapsulate(publicKey: nodeCrypto.KeyObject): {
    readonly ciphertext: Buffer<ArrayBuffer>;
    readonly sharedKey: Buffer<ArrayBuffer>;
  };
  decapsulate(privateKey: nodeCrypto.KeyObject, ciphertext: Uint8Array): Buffer<ArrayBuffer>;
}

const SEED_LENGTH = 64;
/** Before the seed in a private key's DER, and before the bytes of a public key (RFC 9935 §4, §6). */
const PRIVATE_PREFIX = Buffer.from("3054020100300b060960864801650304040204428040", "hex");
const PUBLIC_PREFIX = Buffer.from("308204b2300b0609608648016503040402038204a100", "hex");

/**
 * ML-KEM-768 on node:crypto; `undefined` where the running Node has none. It encapsulates with OpenSSL's own randomness: the random source
 * is not asked.
 */
export function nodeMlKem768(): MlKem768 | undefined {
  const { encapsulate, decapsulate } = nodeCrypto as Partial<Encapsulation>;
  if (encapsulate === undefined || decapsulate === undefined) return undefined;
  return {
    keyPair(random) {
      const key = Buffer.from(concatBytes(PRIVATE_PREFIX, random(SEED_LENGTH)));
      const privateKey = nodeCrypto.createPrivateKey({ key, format: "der", type: "pkcs8" });
      const der = nodeCrypto.createPublicKey(privateKey).export({ format: "der", type: "spki" });
      return {
        publicKey: plainBytes(der.subarray(PUBLIC_PREFIX.length)),
        decapsulate: (ciphertext) => plainBytes(decapsulate(privateKey, ciphertext)),
      };
    },
    encapsulate(publicKey) {
      const key = Buffer.from(concatBytes(PUBLIC_PREFIX, publicKey));
      const { ciphertext, sharedKey } = encapsulate(nodeCrypto.createPublicKey({ key, format: "der", type: "spki" }));
      return { ciphertext: plainBytes(ciphertext), sharedSecret: plainBytes(sharedKey) };
    },
  };
}

let noble: MlKem768 | undefined;

/** noble's ML-KEM-768, imported by {@link loadMlKem768}, which takes longer than all the rest of a connection's code, or when it is used. */
export const nobleMlKem768: MlKem768 = {
  keyPair: (random) => loaded().keyPair(random),
  encapsulate: (publicKey, random) => loaded().encapsulate(publicKey, random),
};

/** Imports {@link nobleMlKem768} where the running Node has no ML-KEM. */
export async function loadMlKem768(): Promise<void> {
  if (nodeMlKem768() === undefined) noble ??= (await import("@nacre/kex/ml-kem")).mlKem768;
}

let isWarm = false;

/**
 * Does a client's part, once in a process, and throws it away, where ML-KEM is noble's: what V8 does when code runs for the first time takes
 * tens of milliseconds, and is done best while there is nothing else to do. Any 1,088 bytes can be decapsulated.
 */
export function warmMlKem768(): void {
  if (isWarm || noble === undefined) return;
  isWarm = true;
  noble.keyPair(zeros).decapsulate(zeros(1088));
}

function zeros(length: number): Uint8Array {
  return new Uint8Array(length);
}

function loaded(): MlKem768 {
  noble ??= (importNow("@nacre/kex/ml-kem") as typeof import("@nacre/kex/ml-kem")).mlKem768;
  return noble;
}
