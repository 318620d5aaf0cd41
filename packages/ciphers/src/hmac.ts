import type { Mac, MacAlgorithm } from "@nacre/packet";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";

/** HMAC-SHA-256 (RFC 6668 §2). */
export const hmacSha256: MacAlgorithm = /* @__PURE__ */ hmacOver("hmac-sha2-256", sha256, 32, false);
/** HMAC-SHA-512 (RFC 6668 §2). */
export const hmacSha512: MacAlgorithm = /* @__PURE__ */ hmacOver("hmac-sha2-512", sha512, 64, false);
/** HMAC-SHA-256 over the ciphertext: encrypt-then-MAC (OpenSSH PROTOCOL §1.5). */
export const hmacSha256Etm: MacAlgorithm = /* @__PURE__ */ hmacOver("hmac-sha2-256-etm@openssh.com", sha256, 32, true);
/** HMAC-SHA-512 over the ciphertext: encrypt-then-MAC (OpenSSH PROTOCOL §1.5). */
export const hmacSha512Etm: MacAlgorithm = /* @__PURE__ */ hmacOver("hmac-sha2-512-etm@openssh.com", sha512, 64, true);

/** `length` of key and tag in bytes. It is not read from `hash`, which the bundle of ssh2 loads on first use. */
function hmacOver(name: string, hash: typeof sha256 | typeof sha512, length: number, etm: boolean): MacAlgorithm {
  return {
    name,
    etm,
    keyLength: length,
    tagLength: length,
    create: (key) => hmacKeyed(hash, key),
  };
}

/** Creates an instance of MAC(key, sequence_number || packet) (RFC 4253 §6.4). */
function hmacKeyed(hash: typeof sha256 | typeof sha512, key: Uint8Array): Mac {
  // Hashes both key blocks once. Each packet starts from a copy of that state.
  const keyed = hmac.create(hash, key);
  const state = keyed.clone();
  const number = new Uint8Array(4);
  const tagLength = hash.outputLen;
  return {
    compute(sequenceNumber, slab, start, end, out, offset) {
      number[0] = sequenceNumber >>> 24;
      number[1] = sequenceNumber >>> 16;
      number[2] = sequenceNumber >>> 8;
      number[3] = sequenceNumber;
      keyed._cloneInto(state);
      state
        .update(number)
        .update(slab.subarray(start, end))
        .digestInto(out.subarray(offset, offset + tagLength));
    },
  };
}
