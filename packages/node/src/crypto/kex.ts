import { getDiffieHellman } from "node:crypto";
import {
  ecdh,
  group14,
  group16,
  group18,
  type KexMethod,
  type ModpGroup,
  mlkem768X25519,
  modp,
} from "@nacre/kex/internal";
import { bigIntToBytes, bytesToBigInt, SshError } from "@nacre/wire";
import { hash, plainBytes } from "./bytes.ts";
import { hasEcdh, type nistCurves } from "./curves.ts";
import { hasX25519, nistKeyPair, x25519KeyPair } from "./ecdh.ts";
import { loadMlKem768, mlKem768 } from "./ml-kem.ts";
import { kexOrPortable } from "./or-portable.ts";
import type { Loadable } from "./portable.ts";
import { cryptoLibrary } from "./runtime.ts";

const sha256 = (message: Uint8Array): Uint8Array => plainBytes(hash("sha256", message, "buffer"));
const sha384 = (message: Uint8Array): Uint8Array => plainBytes(hash("sha384", message, "buffer"));
const sha512 = (message: Uint8Array): Uint8Array => plainBytes(hash("sha512", message, "buffer"));

/** mlkem768x25519-sha256 (RFC 10042), on node:crypto; ML-KEM is portable code before Node 24.7 or with OpenSSL before 3.5. */
export const mlkem768X25519Sha256: KexMethod & Loadable = kexOrPortable(
  mlkem768X25519(mlKem768, x25519KeyPair, sha256),
  hasX25519,
  loadMlKem768,
);

/** curve25519-sha256 (RFC 8731), on node:crypto. */
export const curve25519Sha256: KexMethod = curve25519("curve25519-sha256");
/** curve25519-sha256@libssh.org: the name of curve25519-sha256 before RFC 8731. */
export const curve25519Sha256Libssh: KexMethod = curve25519("curve25519-sha256@libssh.org");

/** ECDH on P-256 with SHA-256 (RFC 5656 §4, §6.2.1), on node:crypto. */
export const ecdhSha2Nistp256: KexMethod = nistEcdh("nistp256", sha256);
/** ECDH on P-384 with SHA-384 (RFC 5656 §4, §6.2.1), on node:crypto. */
export const ecdhSha2Nistp384: KexMethod = nistEcdh("nistp384", sha384);
/** ECDH on P-521 with SHA-512 (RFC 5656 §4, §6.2.1), on node:crypto. */
export const ecdhSha2Nistp521: KexMethod = nistEcdh("nistp521", sha512);

/** diffie-hellman-group14-sha256 (RFC 8268 §3), on node:crypto. */
export const diffieHellmanGroup14Sha256: KexMethod = onNode(group14, "modp14", sha256);
/** diffie-hellman-group16-sha512 (RFC 8268 §3), on node:crypto. */
export const diffieHellmanGroup16Sha512: KexMethod = onNode(group16, "modp16", sha512);
/** diffie-hellman-group18-sha512 (RFC 8268 §3), on node:crypto. */
export const diffieHellmanGroup18Sha512: KexMethod = onNode(group18, "modp18", sha512);

function curve25519(name: string): KexMethod {
  return kexOrPortable(ecdh(name, sha256, x25519KeyPair), hasX25519);
}

function nistEcdh(curve: keyof typeof nistCurves, hashFunction: typeof sha256): KexMethod {
  const native = ecdh(`ecdh-sha2-${curve}`, hashFunction, (random) => nistKeyPair(curve, random));
  return kexOrPortable(native, hasEcdh[curve]);
}

/**
 * Returns a key exchange method over a finite-field group. OpenSSL chooses the exponents, with its own length and randomness. Passing our
 * own exponent would require passing the prime too, and OpenSSL 3.5 then spends seconds testing that it is prime. Other libraries use the
 * portable method, which takes 0.8 s for group 18. Deno's node:crypto would take 8.5 s, because its exponents are as long as the prime, and
 * the BoringSSL of Bun more than a minute.
 */
function onNode(group: ModpGroup, name: string, hashFunction: typeof sha256): KexMethod & Loadable {
  const native = modp(group, hashFunction, () => {
    const pair = getDiffieHellman(name);
    return {
      publicValue: bytesToBigInt(pair.generateKeys()),
      power(peersValue) {
        try {
          return bytesToBigInt(pair.computeSecret(bigIntToBytes(peersValue)));
        } catch (cause) {
          throw new SshError("kex-failed", "the peer's Diffie-Hellman value is not between 1 and p - 1", { cause });
        }
      },
    };
  });
  return kexOrPortable(native, () => cryptoLibrary === "openssl");
}
