import type { KexMethod, KexSecret } from "@nacre/kex";
import type { PublicKey, SignatureAlgorithm } from "@nacre/keys";
import type { CipherAlgorithm, DirectionKeys, MacAlgorithm, PacketOpener } from "@nacre/packet";
import type { TransportAlgorithms } from "@nacre/transport";
import {
  bytesToBigInt,
  concatBytes,
  equalBytes,
  Reader,
  SSH_MSG_KEX_ECDH_INIT,
  SSH_MSG_KEX_ECDH_REPLY,
  SshError,
  Writer,
} from "@nacre/wire";
import { sha256 } from "@noble/hashes/sha2.js";

export { sha256 };

/*
 * Insecure algorithms with the interfaces of real ones. They make handshakes fast.
 */

/** "Diffie-Hellman" by addition: the public values are a and b, the shared secret is a + b. */
export function toyKex(name = "toy-kex"): KexMethod {
  return {
    name,
    hash: sha256,
    context: "ecdh",
    client: (random) => {
      const clientPublicKey = random(32);
      return {
        start: () => SSH_MSG_KEX_ECDH_INIT.encode({ clientPublicKey }),
        receive: (payload) => {
          const { hostKey, serverPublicKey, signature } = SSH_MSG_KEX_ECDH_REPLY.decode(payload);
          if (serverPublicKey.length !== 32)
            throw new SshError("kex-failed", "the server's public value does not have 32 bytes");
          return { type: "done", secret: finish(clientPublicKey, serverPublicKey), hostKey, signature };
        },
      };
    },
    server: (random) => ({
      receive: (payload) => {
        const { clientPublicKey } = SSH_MSG_KEX_ECDH_INIT.decode(payload);
        const serverPublicKey = random(32);
        return {
          type: "done",
          secret: finish(clientPublicKey.slice(), serverPublicKey),
          reply: (hostKey, signature) => SSH_MSG_KEX_ECDH_REPLY.encode({ hostKey, serverPublicKey, signature }),
        };
      },
    }),
  };
}

function finish(clientPublicKey: Uint8Array, serverPublicKey: Uint8Array): KexSecret {
  return {
    exchange: new Writer().string(clientPublicKey).string(serverPublicKey).finish(),
    sharedSecret: new Writer().mpint(bytesToBigInt(clientPublicKey) + bytesToBigInt(serverPublicKey)).finish(),
  };
}

/** "Signature" without a secret: a hash of the public key and the data. */
export function toySignature(name = "toy-sig", keyFormat = "toy-key"): SignatureAlgorithm {
  return {
    name,
    signatureName: name,
    keyFormat,
    verify: (publicKey, data, signature) => (equalBytes(signature, toySign(name, publicKey, data)) ? {} : undefined),
  };
}

export function toySign(algorithm: string, publicKey: Uint8Array, data: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Writer()
    .string(algorithm)
    .string(sha256(concatBytes(publicKey, data)))
    .finish();
}

export function toyHostKey(label = "host", algorithms = [toySignature()]): PublicKey {
  const format = algorithms[0]?.keyFormat ?? "toy-key";
  return { format, blob: new Writer().string(format).string(label).finish(), bits: 256, algorithms };
}

/** Cipher that does not encrypt, but detects a wrong key, sequence number or byte like an AEAD cipher. */
export function toyCipher(name = "toy-aead", options: { aead?: boolean; maxBytes?: number } = {}): CipherAlgorithm {
  const aead = options.aead ?? true;
  const common = { blockSize: 8, lengthIsPadded: false, tagLength: 16 };
  return {
    name,
    keyLength: 32,
    ivLength: 12,
    aead,
    maxBytes: options.maxBytes ?? 2 ** 36,
    createSealer: (keys) => ({
      ...common,
      seal: (sequenceNumber, slab, offset, length) => {
        slab.set(tag(keys, sequenceNumber, slab.subarray(offset, offset + length)), offset + length);
      },
    }),
    createOpener: (keys): PacketOpener => ({
      ...common,
      headerLength: 4,
      readLength: (_sequenceNumber, slab, offset) => new Reader(slab, "length", { offset }).uint32("length"),
      open: (sequenceNumber, slab, offset, length) => {
        const end = offset + length;
        if (!equalBytes(tag(keys, sequenceNumber, slab.subarray(offset, end)), slab.slice(end, end + 16)))
          throw new SshError("mac-mismatch", "the packet was changed");
        return slab.subarray(offset + 4, end);
      },
    }),
  };
}

function tag(keys: DirectionKeys, sequenceNumber: number, packet: Uint8Array): Uint8Array {
  const number = new Writer().uint32(sequenceNumber).finish();
  return sha256(concatBytes(keys.key, keys.iv, keys.macKey, number, packet)).subarray(0, 16);
}

/** Cipher that neither encrypts nor authenticates, so that a changed packet reaches the message parser. */
export const bareCipher: CipherAlgorithm = {
  name: "bare",
  keyLength: 0,
  ivLength: 0,
  aead: true,
  maxBytes: 2 ** 36,
  createSealer: () => ({ blockSize: 8, lengthIsPadded: true, tagLength: 0, seal: () => {} }),
  createOpener: () => ({
    blockSize: 8,
    lengthIsPadded: true,
    tagLength: 0,
    headerLength: 4,
    readLength: (_sequenceNumber, slab, offset) => new Reader(slab, "length", { offset }).uint32("length"),
    open: (_sequenceNumber, slab, offset, length) => slab.subarray(offset + 4, offset + length),
  }),
};

/** MAC for {@link toyCipher} with `aead: false`. It computes nothing, because that cipher makes its own tags. */
export const toyMac: MacAlgorithm = {
  name: "toy-mac",
  keyLength: 20,
  tagLength: 16,
  etm: true,
  create: () => ({ compute: () => {} }),
};

export const toyAlgorithms: TransportAlgorithms = {
  kex: [toyKex()],
  hostKeys: [toySignature()],
  ciphers: [toyCipher()],
  macs: [],
};
