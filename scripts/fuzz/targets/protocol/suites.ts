import type { KexMethod } from "@nacre/kex";
import { generateEd25519, type PrivateKey } from "@nacre/keys";
import type { CipherAlgorithm, MacAlgorithm } from "@nacre/packet";
import { seededRandom } from "@nacre/testing/random";
import { toyAlgorithms, toyHostKey, toySign, toySignature } from "@nacre/testing/toys";
import type { TransportAlgorithms } from "@nacre/transport";
import { nodeAlgorithms } from "../../../../packages/node/src/crypto/algorithms.ts";
import { loadMlKem768 } from "../../../../packages/node/src/crypto/ml-kem.ts";

// The suites on Node offer ML-KEM, which must be loaded first on some versions of Node.
await loadMlKem768();

/** Window and packet size in bytes, small enough for an input of a few KiB to reach the limits. */
export const SMALL_WINDOWS = { initialWindow: 1024, maxPacketSize: 512 } as const;

/** Algorithms of a protocol machine, and those that its peer chooses. */
export interface SessionSuite {
  readonly algorithms: TransportAlgorithms;
  readonly kex: KexMethod;
  readonly cipher: CipherAlgorithm;
  readonly mac: MacAlgorithm | undefined;
  readonly hostKey: PrivateKey;
  readonly userKey: PrivateKey;
}

/**
 * The suites. The first has trivial algorithms, so that most of the time is spent in the machine's own code. The others use node:crypto,
 * with one suite for each kind of cipher.
 */
export const SUITES: readonly SessionSuite[] = [
  {
    algorithms: toyAlgorithms,
    kex: toyAlgorithms.kex[0]!,
    cipher: toyAlgorithms.ciphers[0]!,
    mac: undefined,
    hostKey: toyKey("host"),
    userKey: toyKey("user"),
  },
  onNode("chacha20-poly1305@openssh.com"),
  onNode("aes256-gcm@openssh.com"),
  onNode("aes128-ctr", "hmac-sha2-256-etm@openssh.com"),
  onNode("aes256-ctr", "hmac-sha2-512"),
];

function onNode(cipherName: string, macName?: string): SessionSuite {
  const [cipher, mac, kex] = [
    nodeAlgorithms.ciphers.find(({ name }) => name === cipherName)!,
    nodeAlgorithms.macs.find(({ name }) => name === macName),
    nodeAlgorithms.kex.find(({ name }) => name === "curve25519-sha256")!,
  ];
  return {
    algorithms: nodeAlgorithms,
    kex,
    cipher,
    mac,
    hostKey: generateEd25519(seededRandom(41)),
    userKey: generateEd25519(seededRandom(42)),
  };
}

/** Returns a key with trivial signatures that need no secret. */
function toyKey(label: string): PrivateKey {
  const publicKey = toyHostKey(label);
  return {
    publicKey,
    sign: (_, data) => toySign(toySignature().name, publicKey.blob, data),
    get fields(): never {
      throw new Error("a toy key has no fields");
    },
  };
}
