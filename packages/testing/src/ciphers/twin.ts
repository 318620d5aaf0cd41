import { type CipherGCMTypes, createCipheriv, createHmac, getCiphers } from "node:crypto";
import type { DirectionKeys } from "@nacre/packet";

/** Seals a plaintext packet (packet length, padding length, payload, padding). Returns the ciphertext and the tag. */
export type TwinSealer = (sequenceNumber: number, packet: Uint8Array) => Buffer;

/**
 * Returns an independent implementation of a cipher, written from the specifications with `node:crypto` and BigInt. It shares no code with
 * the tested packages. It also seals packets with invalid length or padding fields.
 */
export function twinSealer(cipher: string, mac: string | undefined, keys: DirectionKeys): TwinSealer {
  if (cipher === "chacha20-poly1305@openssh.com") return chacha20Poly1305(keys);
  const bits = /^aes(\d+)/.exec(cipher)?.[1];
  if (cipher.includes("gcm")) return aesGcm(bits === "128" ? "aes-128-gcm" : "aes-256-gcm", keys);
  const hash = mac?.includes("512") ? "sha512" : "sha256";
  const stream = createCipheriv(`aes-${bits}-ctr`, keys.key, keys.iv);
  const tag = (sequenceNumber: number, bytes: Uint8Array): Buffer =>
    createHmac(hash, keys.macKey).update(uint32(sequenceNumber)).update(bytes).digest();
  if (mac?.includes("-etm"))
    return (sequenceNumber, packet) => {
      const sealed = Buffer.concat([packet.subarray(0, 4), stream.update(packet.subarray(4))]);
      return Buffer.concat([sealed, tag(sequenceNumber, sealed)]);
    };
  return (sequenceNumber, packet) => Buffer.concat([stream.update(packet), tag(sequenceNumber, packet)]);
}

function aesGcm(name: CipherGCMTypes, keys: DirectionKeys): TwinSealer {
  const fixed = Buffer.from(keys.iv.subarray(0, 4));
  let invocation = Buffer.from(keys.iv).readBigUInt64BE(4);
  return (_sequenceNumber, packet) => {
    const nonce = Buffer.concat([fixed, uint64(invocation)]);
    invocation = BigInt.asUintN(64, invocation + 1n);
    const gcm = createCipheriv(name, keys.key, nonce);
    gcm.setAAD(packet.subarray(0, 4));
    const body = Buffer.concat([gcm.update(packet.subarray(4)), gcm.final()]);
    return Buffer.concat([packet.subarray(0, 4), body, gcm.getAuthTag()]);
  };
}

function chacha20Poly1305(keys: DirectionKeys): TwinSealer {
  const main = keys.key.subarray(0, 32);
  const header = keys.key.subarray(32, 64);
  return (sequenceNumber, packet) => {
    const macKey = chacha(main, 0, sequenceNumber, new Uint8Array(32));
    const sealed = Buffer.concat([
      chacha(header, 0, sequenceNumber, packet.subarray(0, 4)),
      chacha(main, 1, sequenceNumber, packet.subarray(4)),
    ]);
    return Buffer.concat([sealed, poly1305(macKey, sealed)]);
  };
}

/** Encrypts with ChaCha20. The IV is a 64-bit little-endian block counter followed by the nonce. */
function chacha(key: Uint8Array, block: number, sequenceNumber: number, bytes: Uint8Array): Buffer {
  const iv = Buffer.alloc(16);
  iv.writeUInt32LE(block, 0);
  iv.writeUInt32BE(sequenceNumber, 12);
  return hasChaCha20 ? createCipheriv("chacha20", key, iv).update(bytes) : plainChaCha20(key, iv, bytes);
}

/** False with BoringSSL, which lacks plain ChaCha20. */
const hasChaCha20 = getCiphers().includes("chacha20");

/** Encrypts with ChaCha20 (RFC 8439 §2.3). `iv` holds the last four words of the state. */
export function plainChaCha20(key: Uint8Array, iv: Uint8Array, bytes: Uint8Array): Buffer {
  const state = Buffer.concat([Buffer.from("expand 32-byte k"), key, iv]);
  const result = Buffer.from(bytes);
  for (let start = 0; start < result.length; start += 64) {
    const stream = chachaBlock(state);
    for (let i = start; i < Math.min(start + 64, result.length); i++) result[i]! ^= stream[i - start]!;
    state.writeUInt32LE(state.readUInt32LE(48) + 1, 48);
  }
  return result;
}

const COLUMNS = [0, 1, 2, 3].map((i) => [i, i + 4, i + 8, i + 12] as const);
const DIAGONALS = [0, 1, 2, 3].map((i) => [i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4)] as const);

function chachaBlock(state: Buffer): Buffer {
  const first = Uint32Array.from({ length: 16 }, (_, i) => state.readUInt32LE(4 * i));
  const words = first.slice();
  const mix = (to: number, from: number, other: number, bits: number): void => {
    words[to]! += words[from]!;
    const mixed = words[other]! ^ words[to]!;
    words[other] = (mixed << bits) | (mixed >>> (32 - bits));
  };
  for (let round = 0; round < 20; round++) {
    for (const [a, b, c, d] of round % 2 === 0 ? COLUMNS : DIAGONALS) {
      mix(a, b, d, 16);
      mix(c, d, b, 12);
      mix(a, b, d, 8);
      mix(c, d, b, 7);
    }
  }
  const block = Buffer.alloc(64);
  for (const [i, word] of words.entries()) block.writeUInt32LE((word + first[i]!) >>> 0, 4 * i);
  return block;
}

/** Computes Poly1305 (RFC 8439 §2.5.1) with BigInt. */
function poly1305(key: Uint8Array, message: Uint8Array): Buffer {
  const r = little(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  const s = little(key.subarray(16, 32));
  const p = (1n << 130n) - 5n;
  let sum = 0n;
  for (let i = 0; i < message.length; i += 16) {
    const block = message.subarray(i, i + 16);
    sum = ((sum + little(block) + (1n << BigInt(8 * block.length))) * r) % p;
  }
  const tag = BigInt.asUintN(128, sum + s);
  return Buffer.from(Buffer.from(tag.toString(16).padStart(32, "0"), "hex").toReversed());
}

function little(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes.toReversed()).toString("hex")}`);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function uint64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
