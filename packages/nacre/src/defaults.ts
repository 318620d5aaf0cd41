import {
  aes128Ctr,
  aes128Gcm,
  aes192Ctr,
  aes256Ctr,
  aes256Gcm,
  hmacSha256,
  hmacSha256Etm,
  hmacSha512,
  hmacSha512Etm,
} from "@nacre/ciphers";
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
} from "@nacre/kex";
import { ecdsaNistp256, ecdsaNistp384, ecdsaNistp521, ed25519, rsaSha2_256, rsaSha2_512 } from "@nacre/keys";
import type { TransportAlgorithms } from "@nacre/transport";
import { chacha20Poly1305, chacha20Poly1305FromModule } from "./chacha20-poly1305.ts";

export { chacha20Poly1305, chacha20Poly1305FromModule };

/**
 * What a client offers when nobody says otherwise, preferred first: everything that is safe, on noble.
 * chacha20-poly1305 comes first, since it is the fastest that portable code has: in WebAssembly where there is that.
 */
export const defaultAlgorithms: TransportAlgorithms = {
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
  ciphers: [chacha20Poly1305, aes128Gcm, aes256Gcm, aes128Ctr, aes192Ctr, aes256Ctr],
  macs: [hmacSha256Etm, hmacSha512Etm, hmacSha256, hmacSha512],
};

/**
 * What a server offers when nobody says otherwise: shorter than a client's list, for nobody must be met half-way. No curves of
 * NIST's in key exchange, and no MAC that does not cover the ciphertext. Of the host-key algorithms those of its keys count.
 */
export const defaultServerAlgorithms: TransportAlgorithms = {
  kex: [mlkem768X25519Sha256, curve25519Sha256, curve25519Sha256Libssh],
  hostKeys: [ed25519, rsaSha2_512, rsaSha2_256, ecdsaNistp256, ecdsaNistp384, ecdsaNistp521],
  ciphers: [chacha20Poly1305, aes128Gcm, aes256Gcm, aes128Ctr, aes192Ctr, aes256Ctr],
  macs: [hmacSha256Etm, hmacSha512Etm],
};
