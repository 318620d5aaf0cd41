/** A process that opens or seals packets of 32 KiB in memory, with noble alone or with Nacre's packet layer and ciphers. */
import { randomFillSync } from "node:crypto";
import { aes128Ctr, aes256Gcm, chacha20Poly1305, hmacSha256 } from "@nacre/ciphers";
import { type CipherAlgorithm, PacketReader, PacketWriter } from "@nacre/packet";
import { poly1305 } from "@noble/ciphers/_poly1305.js";
import { gcm, unsafe } from "@noble/ciphers/aes.js";
import { chacha20orig } from "@noble/ciphers/chacha.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { stopwatch } from "../measure/measured-client.ts";
import type { CeilingResult, CeilingTask } from "../tasks.ts";
import { work } from "./worker.ts";

/** Maximum data of a CHANNEL_DATA in OpenSSH, and length of the whole message with number, channel and data length, in bytes. */
const DATA = 32 * 1024;
const PAYLOAD = 9 + DATA;
/**
 * Lengths of a packet in bytes: length field, padding length, payload, and padding to whole blocks. With CTR the blocks include the length
 * field; with the two AEAD ciphers they do not.
 */
const CTR_LENGTH = 4 + 1 + PAYLOAD + 18;
const AEAD_LENGTH = 4 + 1 + PAYLOAD + 6;

work(async (task) => {
  if (task.kind !== "ceiling") throw new Error(`unexpected task ${task.kind}`);
  return task.layer === "noble" ? nobleAlone(task) : packets(task);
});

const random = (length: number): Uint8Array => randomFillSync(new Uint8Array(length));

/** Processes packets one by one in the same memory. Reuses keys and buffers where possible. */
function nobleAlone({ suite, direction, bytes }: CeilingTask): CeilingResult {
  const one = primitives(suite.cipher, direction);
  const lap = stopwatch();
  for (let done = 0; done < bytes; done += DATA) one();
  return lap();
}

function primitives(cipher: string, direction: "open" | "seal"): () => void {
  const packet = random(CTR_LENGTH + 32);
  if (cipher === aes128Ctr.name) {
    const text = packet.subarray(0, CTR_LENGTH);
    const tag = packet.subarray(CTR_LENGTH);
    const key = unsafe.expandKeyLE(random(16));
    const counter = random(16);
    const keyed = hmac.create(sha256, random(32));
    const state = keyed.clone();
    const sequenceNumber = new Uint8Array(4);
    // Like Nacre's cipher: noble's function with a 128-bit counter takes a tenth longer.
    const crypt = (): void => void unsafe.ctr32(key, false, counter, text, text);
    const authenticate = (): void => {
      keyed._cloneInto(state);
      state.update(sequenceNumber).update(text).digestInto(tag);
    };
    return direction === "open"
      ? () => {
          crypt();
          authenticate();
        }
      : () => {
          authenticate();
          crypt();
        };
  }
  if (cipher === aes256Gcm.name) {
    const key = random(32);
    const nonce = random(12);
    const length = packet.subarray(0, 4);
    const clear = packet.subarray(4, AEAD_LENGTH);
    if (direction === "seal") return () => void gcm(key, nonce, length).encrypt(clear);
    const sealed = gcm(key, nonce, length).encrypt(clear);
    return () => void gcm(key, nonce, length).decrypt(sealed);
  }
  const [mainKey, lengthKey, nonce] = [random(32), random(32), random(8)];
  const length = packet.subarray(0, 4);
  const text = packet.subarray(4, AEAD_LENGTH);
  const zeros = new Uint8Array(32);
  const crypt = (): void => {
    chacha20orig(lengthKey, nonce, length, length);
    chacha20orig(mainKey, nonce, text, text, 1);
  };
  const authenticate = (): void => {
    const macKey = chacha20orig(mainKey, nonce, zeros);
    poly1305(packet.subarray(0, AEAD_LENGTH), macKey);
  };
  return direction === "open"
    ? () => {
        authenticate();
        crypt();
      }
    : () => {
        crypt();
        authenticate();
      };
}

const ciphers: readonly CipherAlgorithm[] = [aes128Ctr, aes256Gcm, chacha20Poly1305];

/** Seals packets in batches and opens them again. Times only the requested direction. */
function packets({ suite, direction, bytes }: CeilingTask): CeilingResult {
  const cipher = ciphers.find(({ name }) => name === suite.cipher);
  if (cipher === undefined) throw new Error(`unknown cipher ${suite.cipher}`);
  const mac = cipher.aead ? undefined : hmacSha256;
  const keys = {
    key: random(cipher.keyLength),
    iv: random(cipher.ivLength),
    macKey: random(mac?.keyLength ?? 0),
  };
  const writer = new PacketWriter({ random });
  const reader = new PacketReader();
  writer.useSealer(cipher.createSealer(keys, mac), { resetSequence: true });
  reader.useOpener(cipher.createOpener(keys, mac), { resetSequence: true });

  const payload = random(PAYLOAD);
  let opened = 0;
  let seconds = 0;
  let cpuSeconds = 0;
  while (opened < bytes) {
    const seal = stopwatch();
    const wire: Uint8Array[] = [];
    for (let i = 0; i < 64; i++) {
      writer.write(payload);
      for (const out of writer.takeOutput()) wire.push(out);
    }
    const sealing = seal();
    const chunks = wire.flatMap(inSocketChunks);
    const open = stopwatch();
    for (const chunk of chunks) {
      reader.push(chunk);
      for (let got = reader.next(); got !== undefined; got = reader.next()) opened += got.length - 9;
    }
    const time = direction === "open" ? open() : sealing;
    seconds += time.seconds;
    cpuSeconds += time.cpuSeconds;
  }
  if (reader.buffered !== 0 || opened % DATA !== 0) throw new Error("packets were lost between writer and reader");
  return { seconds, cpuSeconds };
}

/** Splits bytes into chunks of 64 KiB, as received from Node's sockets. */
function inSocketChunks(bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 65_536) chunks.push(bytes.subarray(at, at + 65_536));
  return chunks;
}
