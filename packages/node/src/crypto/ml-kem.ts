import * as nodeCrypto from "node:crypto";
import type { MlKem768 } from "@nacre/kex/internal";
import { concatBytes, equalBytes } from "@nacre/wire";
import { plainBytes } from "./bytes.ts";
import { importNow } from "./import-now.ts";
import { probe } from "./probe.ts";

/** The key encapsulation functions of node:crypto, which Node 24.7 added. */
interface Encapsulation {
  encapsulate(publicKey: nodeCrypto.KeyObject): {
    readonly ciphertext: Buffer<ArrayBuffer>;
    readonly sharedKey: Buffer<ArrayBuffer>;
  };
  decapsulate(privateKey: nodeCrypto.KeyObject, ciphertext: Uint8Array): Buffer<ArrayBuffer>;
}

const encapsulation = nodeCrypto as unknown as Partial<Encapsulation>;

const SEED_LENGTH = 64;
/** Before the seed in a private key's DER, and before the bytes of a public key (RFC 9935 §4, §6). */
const PRIVATE_PREFIX = Buffer.from("3054020100300b060960864801650304040204428040", "hex");
const PUBLIC_PREFIX = Buffer.from("308204b2300b0609608648016503040402038204a100", "hex");

/**
 * ML-KEM-768 on node:crypto, which encapsulates with OpenSSL's own randomness: the random source is not asked. Throws where
 * {@link hasMlKem768} says no.
 */
export const nodeMlKem768: MlKem768 = {
  keyPair(random) {
    const key = Buffer.from(concatBytes(PRIVATE_PREFIX, random(SEED_LENGTH)));
    const privateKey = nodeCrypto.createPrivateKey({ key, format: "der", type: "pkcs8" });
    const der = nodeCrypto.createPublicKey(privateKey).export({ format: "der", type: "spki" });
    return {
      publicKey: plainBytes(der.subarray(PUBLIC_PREFIX.length)),
      decapsulate: (ciphertext) => plainBytes(encapsulation.decapsulate!(privateKey, ciphertext)),
    };
  },
  encapsulate(publicKey) {
    const key = Buffer.from(concatBytes(PUBLIC_PREFIX, publicKey));
    const { ciphertext, sharedKey } = encapsulation.encapsulate!(
      nodeCrypto.createPublicKey({ key, format: "der", type: "spki" }),
    );
    return { ciphertext: plainBytes(ciphertext), sharedSecret: plainBytes(sharedKey) };
  },
};

/** Whether {@link nodeMlKem768} works here. Node 24.7 on an OpenSSL before 3.5 has the functions and not the algorithm. */
export const hasMlKem768: () => boolean = probe(() => {
  if (encapsulation.encapsulate === undefined) return false;
  const pair = nodeMlKem768.keyPair(zeros);
  const { ciphertext, sharedSecret } = nodeMlKem768.encapsulate(pair.publicKey, zeros);
  return equalBytes(pair.decapsulate(ciphertext), sharedSecret);
});

let noble: MlKem768 | undefined;

/** ML-KEM-768 on node:crypto where that has it, else noble's: imported by {@link loadMlKem768}, or when it is used. */
export const mlKem768: MlKem768 = {
  keyPair: (random) => chosen().keyPair(random),
  encapsulate: (publicKey, random) => chosen().encapsulate(publicKey, random),
};

/** Imports noble's ML-KEM where node:crypto has none. It takes longer to import than all the rest of a connection's code. */
export async function loadMlKem768(): Promise<void> {
  if (!hasMlKem768()) noble ??= (await import("@nacre/kex/ml-kem")).mlKem768;
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

function chosen(): MlKem768 {
  if (hasMlKem768()) return nodeMlKem768;
  noble ??= (importNow("@nacre/kex/ml-kem") as typeof import("@nacre/kex/ml-kem")).mlKem768;
  return noble;
}
