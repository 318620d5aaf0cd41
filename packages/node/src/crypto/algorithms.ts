import type { TransportAlgorithms } from "@nacre/transport";
import { type Runtime, runtime } from "../runtime.ts";
import { aes128Ctr, aes192Ctr, aes256Ctr } from "./aes-ctr.ts";
import { aes128Gcm, aes256Gcm } from "./aes-gcm.ts";
import { chacha20Poly1305 } from "./chacha20-poly1305.ts";
import { hmacSha256, hmacSha256Etm, hmacSha512, hmacSha512Etm } from "./hmac.ts";
import {
  curve25519Sha256,
  curve25519Sha256Libssh,
  diffieHellmanGroup14Sha256,
  diffieHellmanGroup16Sha512,
  diffieHellmanGroup18Sha512,
  ecdhSha2Nistp256,
  ecdhSha2Nistp384,
  ecdhSha2Nistp521,
  mlkem768X25519Sha256,
} from "./kex.ts";
import { ecdsaNistp256, ecdsaNistp384, ecdsaNistp521, ed25519, rsaSha2_256, rsaSha2_512 } from "./verify.ts";

/**
 * Ciphers, preferred first. The order is a table, and not measured at run time, so that a KEXINIT never varies with the load. AES-GCM is by far
 * the fastest on OpenSSL and BoringSSL. On Deno it takes 3.3 times the CPU of our chacha20-poly1305.
 */
const CIPHERS: Readonly<Record<Runtime, TransportAlgorithms["ciphers"]>> = {
  node: [aes128Gcm, aes256Gcm, chacha20Poly1305, aes128Ctr, aes192Ctr, aes256Ctr],
  bun: [aes128Gcm, aes256Gcm, chacha20Poly1305, aes128Ctr, aes192Ctr, aes256Ctr],
  deno: [chacha20Poly1305, aes128Gcm, aes256Gcm, aes128Ctr, aes192Ctr, aes256Ctr],
};

/** Methods over finite fields. Bun blocks for seconds, for minutes on the largest, while it makes one of these groups. */
const FINITE_FIELDS: Readonly<Record<Runtime, TransportAlgorithms["kex"]>> = {
  node: [diffieHellmanGroup16Sha512, diffieHellmanGroup18Sha512, diffieHellmanGroup14Sha256],
  bun: [],
  deno: [diffieHellmanGroup16Sha512, diffieHellmanGroup18Sha512, diffieHellmanGroup14Sha256],
};

/** What a client on that runtime offers by default: see {@link nodeAlgorithms}. */
export function clientAlgorithms(on: Runtime): TransportAlgorithms {
  return {
    kex: [
      mlkem768X25519Sha256,
      curve25519Sha256,
      curve25519Sha256Libssh,
      ecdhSha2Nistp256,
      ecdhSha2Nistp384,
      ecdhSha2Nistp521,
      ...FINITE_FIELDS[on],
    ],
    hostKeys: [ed25519, ecdsaNistp256, ecdsaNistp384, ecdsaNistp521, rsaSha2_512, rsaSha2_256],
    ciphers: CIPHERS[on],
    macs: [hmacSha256Etm, hmacSha512Etm, hmacSha256, hmacSha512],
  };
}

/** What a server on that runtime offers by default: see {@link nodeServerAlgorithms}. */
export function serverAlgorithms(on: Runtime): TransportAlgorithms {
  return {
    kex: [mlkem768X25519Sha256, curve25519Sha256, curve25519Sha256Libssh],
    hostKeys: [ed25519, rsaSha2_512, rsaSha2_256, ecdsaNistp256, ecdsaNistp384, ecdsaNistp521],
    ciphers: CIPHERS[on],
    macs: [hmacSha256Etm, hmacSha512Etm],
  };
}

/**
 * What a client offers by default, preferred first: the names of `nacre/defaults`, done by node:crypto. What node:crypto lacks here is done by
 * the portable code. On Bun there are no finite-field groups.
 */
export const nodeAlgorithms: TransportAlgorithms = /* @__PURE__ */ clientAlgorithms(runtime);

/** What a server offers by default, preferred first: the names of `defaultServerAlgorithms`, done likewise. */
export const nodeServerAlgorithms: TransportAlgorithms = /* @__PURE__ */ serverAlgorithms(runtime);
