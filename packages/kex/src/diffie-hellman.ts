import type { HashFunction } from "@nacre/kdf";
import { modPow } from "@nacre/keys";
import { bytesToBigInt } from "@nacre/wire";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import type { KexMethod } from "./method.ts";
import { type ModpGroup, modp } from "./modp.ts";
import { group14, group16, group18 } from "./modp-groups.ts";

/** diffie-hellman-group14-sha256 (RFC 8268 §3): 2048 bits, exponents of 320. */
export const diffieHellmanGroup14Sha256: KexMethod = /* @__PURE__ */ bigIntModp(group14, (message) => sha256(message));

/** diffie-hellman-group16-sha512 (RFC 8268 §3): 4096 bits, exponents of 480. */
export const diffieHellmanGroup16Sha512: KexMethod = /* @__PURE__ */ bigIntModp(group16, (message) => sha512(message));

/** diffie-hellman-group18-sha512 (RFC 8268 §3): 8192 bits, exponents of 624. */
export const diffieHellmanGroup18Sha512: KexMethod = /* @__PURE__ */ bigIntModp(group18, (message) => sha512(message));

/** The method of a group, with BigInt. */
export function bigIntModp(group: ModpGroup, hash: HashFunction): KexMethod {
  return modp(group, hash, (random) => {
    const p = group.prime();
    // Random bits under one that is set: of the same length always, and never 0 or 1. The time tells something of the exponent, but an
    // exponent serves one exchange, so that nothing adds up.
    const exponent = (1n << BigInt(8 * group.exponentLength)) | bytesToBigInt(random(group.exponentLength));
    return { publicValue: modPow(2n, exponent, p), power: (peersValue) => modPow(peersValue, exponent, p) };
  });
}
