import { createHmac } from "node:crypto";
import type { MacAlgorithm } from "@nacre/packet";
import { macOrPortable } from "./or-portable.ts";

/** hmac-sha2-256 (RFC 6668 §2), on node:crypto. */
export const hmacSha256: MacAlgorithm = hmac("hmac-sha2-256", "sha256", 32, false);
/** hmac-sha2-512 (RFC 6668 §2), on node:crypto. */
export const hmacSha512: MacAlgorithm = hmac("hmac-sha2-512", "sha512", 64, false);
/** hmac-sha2-256-etm@openssh.com (OpenSSH PROTOCOL §1.5), on node:crypto. */
export const hmacSha256Etm: MacAlgorithm = hmac("hmac-sha2-256-etm@openssh.com", "sha256", 32, true);
/** hmac-sha2-512-etm@openssh.com (OpenSSH PROTOCOL §1.5), on node:crypto. */
export const hmacSha512Etm: MacAlgorithm = hmac("hmac-sha2-512-etm@openssh.com", "sha512", 64, true);

function hmac(name: string, hash: string, length: number, etm: boolean): MacAlgorithm {
  return macOrPortable({
    name,
    keyLength: length,
    tagLength: length,
    etm,
    create(key) {
      const own = key.slice();
      const number = new Uint8Array(4);
      return {
        /** Computes MAC(key, sequence_number || packet) (RFC 4253 §6.4). */
        compute(sequenceNumber, slab, start, end, out, offset) {
          number[0] = sequenceNumber >>> 24;
          number[1] = sequenceNumber >>> 16;
          number[2] = sequenceNumber >>> 8;
          number[3] = sequenceNumber;
          out.set(createHmac(hash, own).update(number).update(slab.subarray(start, end)).digest(), offset);
        },
      };
    },
  });
}
