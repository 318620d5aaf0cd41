import * as nodeCrypto from "node:crypto";
import type { MlKem768 } from "@nacre/kex/internal";
import { concatBytes, equalBytes } from "@nacre/wire";
import { plainBytes } from "./bytes.ts";
import { importNow } from "./import-now.ts";
import { probe } from "./probe.ts";

/** Key encapsulation functions of node:crypto, available since Node 24.7. */
interface Encapsulation {
  encapsulate(publicKey: nodeCrypto.KeyObject): {
    readonly ciphertext: Buffer<ArrayBuffer>;
    readonly sharedKey: Buffer<ArrayBuffer>;
  };
  decapsulate(privateKey: nodeCrypto.KeyObject, ciphertext: Uint8Array): Buffer<ArrayBuffer>;
}

const encapsulation = nodeCrypto as unknown as Partial<Encapsulation>;

const SEED_LENGTH = 64;
/** DER before the seed of a private key and before the bytes of a public key (RFC 9935 §4, §6). */
const PRIVATE_PREFIX = Buffer.from("3054020100300b060960864801650304040204428040", "hex");
const PUBLIC_PREFIX = Buffer.from("308204b2300b0609608648016503040402038204a100", "hex");

/**
 * ML-KEM-768 on node:crypto. Encapsulation uses OpenSSL's randomness and ignores the random source. Throws if {@link hasMlKem768} returns
 * false.
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

/** Returns whether {@link nodeMlKem768} works here. Node 24.7 with OpenSSL before 3.5 has the functions but not the algorithm. */
export const hasMlKem768: () => boolean = probe(() => {
  if (encapsulation.encapsulate === undefined) return false;
  const pair = nodeMlKem768.keyPair(zeros);
  const { ciphertext, sharedSecret } = nodeMlKem768.encapsulate(pair.publicKey, zeros);
  return equalBytes(pair.decapsulate(ciphertext), sharedSecret);
});

let noble: MlKem768 | undefined;

/** ML-KEM-768 on node:crypto if available, otherwise noble's, imported by {@link loadMlKem768} or on first use. */
export const mlKem768: MlKem768 = {
  keyPair: (random) => chosen().keyPair(random),
  encapsulate: (publicKey, random) => chosen().encapsulate(publicKey, random),
};

/** Imports noble's ML-KEM if node:crypto has none. The import takes longer than loading all other code of a connection. */
export async function loadMlKem768(): Promise<void> {
  if (!hasMlKem768()) noble ??= (await import("@nacre/kex/ml-kem")).mlKem768;
}

let isWarm = false;

/**
 * Runs the client's ML-KEM operations and discards the result, if noble's ML-KEM is used and this process has not run it yet. The first run
 * takes tens of milliseconds in V8, so it is better done while the process is idle. Any 1,088 bytes can be decapsulated.
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
  isWarm = true;
  return noble;
}
