import { certifiedAlgorithm, defaultKeyFormats, type SignatureAlgorithm } from "@nacre/keys/internal";
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
import { type CryptoLibrary, cryptoLibrary } from "./runtime.ts";
import {
  ecdsaNistp256,
  ecdsaNistp384,
  ecdsaNistp521,
  ed25519,
  rsaSha2_256,
  rsaSha2_512,
  skEcdsaNistp256,
  skEd25519,
  webauthnSkEcdsaNistp256,
} from "./verify.ts";

/** All signature algorithms of plain keys, preferred first. */
export const plainAlgorithms: readonly SignatureAlgorithm[] = [
  ed25519,
  ecdsaNistp256,
  ecdsaNistp384,
  ecdsaNistp521,
  rsaSha2_512,
  rsaSha2_256,
  skEd25519,
  skEcdsaNistp256,
  webauthnSkEcdsaNistp256,
];

/** Those of certificates: one for each of {@link plainAlgorithms}. */
export const certificateAlgorithms: readonly SignatureAlgorithm[] = plainAlgorithms.map((one) =>
  certifiedAlgorithm(one, defaultKeyFormats, plainAlgorithms),
);

/** Signature algorithms that a server accepts from user keys by default, of security keys and certificates too. */
export const nodeUserKeys: readonly SignatureAlgorithm[] = [...plainAlgorithms, ...certificateAlgorithms];

/**
 * Ciphers in order of preference. The order is fixed rather than measured at run time, so that the KEXINIT never depends on the load.
 * Sealing 32 KiB with aes128-gcm and with our chacha20-poly1305 takes 24 and 35 µs of CPU on Node 20, 10 and 82 on Bun 1.4, and 200 and 47
 * on Deno 2.9.
 */
const CIPHERS: Readonly<Record<CryptoLibrary, TransportAlgorithms["ciphers"]>> = {
  openssl: [aes128Gcm, aes256Gcm, chacha20Poly1305, aes128Ctr, aes192Ctr, aes256Ctr],
  boringssl: [aes128Gcm, aes256Gcm, chacha20Poly1305, aes128Ctr, aes192Ctr, aes256Ctr],
  deno: [chacha20Poly1305, aes128Gcm, aes256Gcm, aes128Ctr, aes192Ctr, aes256Ctr],
};

/**
 * Finite-field key exchange methods. BoringSSL checks a group's prime when the group is created. That blocks Bun for 2, 9 and 70 seconds
 * (groups 14, 16 and 18), and also blocks workerd.
 */
const FINITE_FIELDS: Readonly<Record<CryptoLibrary, TransportAlgorithms["kex"]>> = {
  openssl: [diffieHellmanGroup16Sha512, diffieHellmanGroup18Sha512, diffieHellmanGroup14Sha256],
  boringssl: [],
  deno: [diffieHellmanGroup16Sha512, diffieHellmanGroup18Sha512, diffieHellmanGroup14Sha256],
};

/** Returns the algorithms that a client offers by default with this library; see {@link nodeAlgorithms}. */
export function clientAlgorithms(library: CryptoLibrary): TransportAlgorithms {
  return {
    kex: [
      mlkem768X25519Sha256,
      curve25519Sha256,
      curve25519Sha256Libssh,
      ecdhSha2Nistp256,
      ecdhSha2Nistp384,
      ecdhSha2Nistp521,
      ...FINITE_FIELDS[library],
    ],
    hostKeys: [...certificateAlgorithms, ...plainAlgorithms].filter(({ name }) => !name.startsWith("webauthn-")),
    ciphers: CIPHERS[library],
    macs: [hmacSha256Etm, hmacSha512Etm, hmacSha256, hmacSha512],
  };
}

/** Returns the algorithms that a server offers by default with this library; see {@link nodeServerAlgorithms}. */
export function serverAlgorithms(library: CryptoLibrary): TransportAlgorithms {
  return {
    kex: [mlkem768X25519Sha256, curve25519Sha256, curve25519Sha256Libssh],
    hostKeys: withCertificates([ed25519, rsaSha2_512, rsaSha2_256, ecdsaNistp256, ecdsaNistp384, ecdsaNistp521]),
    ciphers: CIPHERS[library],
    macs: [hmacSha256Etm, hmacSha512Etm],
  };
}

/** Returns the algorithms of plain keys, followed by those of their certificates. */
function withCertificates(plain: readonly SignatureAlgorithm[]): readonly SignatureAlgorithm[] {
  const isTheirs = ({ signatureName }: SignatureAlgorithm): boolean => plain.some(({ name }) => name === signatureName);
  return [...plain, ...certificateAlgorithms.filter(isTheirs)];
}

/**
 * Algorithms that a client offers by default, preferred first: those of `nacre/defaults`, implemented with node:crypto. Portable code
 * implements those that node:crypto lacks. With BoringSSL, finite-field groups are left out.
 */
export const nodeAlgorithms: TransportAlgorithms = /* @__PURE__ */ clientAlgorithms(cryptoLibrary);

/**
 * Algorithms that a server offers by default, preferred first: those of `defaultServerAlgorithms`, implemented like {@link nodeAlgorithms}.
 */
export const nodeServerAlgorithms: TransportAlgorithms = /* @__PURE__ */ serverAlgorithms(cryptoLibrary);
