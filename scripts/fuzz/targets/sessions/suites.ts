import type { KexMethod } from "@nacre/kex";
import { generateEd25519, type PrivateKey } from "@nacre/keys";
import type { CipherAlgorithm, MacAlgorithm } from "@nacre/packet";
import { seededRandom } from "@nacre/testing/random";
import { toyAlgorithms, toyHostKey, toySign, toySignature } from "@nacre/testing/toys";
import type { TransportAlgorithms } from "@nacre/transport";
import { nodeAlgorithms } from "../../../../packages/node/src/crypto/algorithms.ts";
import { loadMlKem768 } from "../../../../packages/node/src/crypto/ml-kem.ts";

// The Node suites offer ML-KEM, which may have to be imported first.
await loadMlKem768();

/** Windows that an input of a few KiB can fill, so that the bounds on data are reached. Bytes. */
export const SMALL_WINDOWS = { initialWindow: 1024, maxPacketSize: 512 } as const;

/** What a session computes with, and what its peer chooses of it. */
export interface SessionSuite {
  readonly algorithms: TransportAlgorithms;
  readonly kex: KexMethod;
  readonly cipher: CipherAlgorithm;
  readonly mac: MacAlgorithm | undefined;
  readonly hostKey: PrivateKey;
  readonly userKey: PrivateKey;
}

/**
 * The first costs next to nothing, so that most of the time goes to the engines themselves; the others are Node's, of each
 * kind of cipher one.
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

/** A key that anybody can sign with. */
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
