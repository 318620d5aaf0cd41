import type { TransportAlgorithms } from "@nacre/transport";
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
 * What a client offers on Node when nobody says otherwise, preferred first: the same names as `nacre/defaults`, done by
 * node:crypto. AES-GCM comes first, since it is by far the fastest there.
 */
export const nodeAlgorithms: TransportAlgorithms = {
  kex: [
    mlkem768X25519Sha256,
    curve25519Sha256,
    curve25519Sha256Libssh,
    ecdhSha2Nistp256,
    ecdhSha2Nistp384,
    ecdhSha2Nistp521,
    diffieHellmanGroup16Sha512,
    diffieHellmanGroup18Sha512,
    diffieHellmanGroup14Sha256,
  ],
  hostKeys: [ed25519, ecdsaNistp256, ecdsaNistp384, ecdsaNistp521, rsaSha2_512, rsaSha2_256],
  ciphers: [aes128Gcm, aes256Gcm, chacha20Poly1305, aes128Ctr, aes192Ctr, aes256Ctr],
  macs: [hmacSha256Etm, hmacSha512Etm, hmacSha256, hmacSha512],
};

/** What a server offers on Node when nobody says otherwise: the names of `defaultServerAlgorithms`, done by node:crypto. */
export const nodeServerAlgorithms: TransportAlgorithms = {
  kex: [mlkem768X25519Sha256, curve25519Sha256, curve25519Sha256Libssh],
  hostKeys: [ed25519, rsaSha2_512, rsaSha2_256, ecdsaNistp256, ecdsaNistp384, ecdsaNistp521],
  ciphers: [aes128Gcm, aes256Gcm, chacha20Poly1305, aes128Ctr, aes192Ctr, aes256Ctr],
  macs: [hmacSha256Etm, hmacSha512Etm],
};
