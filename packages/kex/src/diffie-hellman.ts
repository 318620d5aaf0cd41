import type { HashFunction } from "@nacre/kdf";
import { modPow } from "@nacre/keys";
import { bytesToBigInt } from "@nacre/wire";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import type { KexMethod } from "./method.ts";
import { type ModpGroup, modp } from "./modp.ts";
import { group14, group16, group18 } from "./modp-groups.ts";

/** diffie-hellman-group14-sha256 (RFC 8268 §3): 2048-bit group, 320-bit exponents. */
export const diffieHellmanGroup14Sha256: KexMethod = /* @__PURE__ */ bigIntModp(group14, (message) => sha256(message));

/** diffie-hellman-group16-sha512 (RFC 8268 §3): 4096-bit group, 480-bit exponents. */
export const diffieHellmanGroup16Sha512: KexMethod = /* @__PURE__ */ bigIntModp(group16, (message) => sha512(message));

/** diffie-hellman-group18-sha512 (RFC 8268 §3): 8192-bit group, 624-bit exponents. */
export const diffieHellmanGroup18Sha512: KexMethod = /* @__PURE__ */ bigIntModp(group18, (message) => sha512(message));

/** Creates the method of a group, with BigInt arithmetic. */
export function bigIntModp(group: ModpGroup, hash: HashFunction): KexMethod {
  return modp(group, hash, (random) => {
    const p = group.prime();
    // The bit above the random bits is set, so that the exponent has a fixed length and is never 0 or 1. BigInt is not constant-time, but
    // each exponent is used once, so leaks through timing do not accumulate.
    const exponent = (1n << BigInt(8 * group.exponentLength)) | bytesToBigInt(random(group.exponentLength));
    return { publicValue: modPow(2n, exponent, p), power: (peersValue) => modPow(peersValue, exponent, p) };
  });
}
