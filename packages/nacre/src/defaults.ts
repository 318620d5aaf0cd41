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
import {
  defaultCertificateAlgorithms,
  defaultHostKeyAlgorithms,
  ecdsaNistp256,
  ecdsaNistp384,
  ecdsaNistp521,
  ed25519,
  rsaSha2_256,
  rsaSha2_512,
  type SignatureAlgorithm,
} from "@nacre/keys";
import type { TransportAlgorithms } from "@nacre/transport";
import { chacha20Poly1305 } from "./chacha20-poly1305.ts";

export { chacha20Poly1305 };

const KEX: TransportAlgorithms["kex"] = [
  mlkem768X25519Sha256,
  curve25519Sha256,
  curve25519Sha256Libssh,
  ecdhSha2Nistp256,
  ecdhSha2Nistp384,
  ecdhSha2Nistp521,
  diffieHellmanGroup16Sha512,
  diffieHellmanGroup18Sha512,
  diffieHellmanGroup14Sha256,
];
const CIPHERS: TransportAlgorithms["ciphers"] = [
  chacha20Poly1305,
  aes128Gcm,
  aes256Gcm,
  aes128Ctr,
  aes192Ctr,
  aes256Ctr,
];
const MACS: TransportAlgorithms["macs"] = [hmacSha256Etm, hmacSha512Etm, hmacSha256, hmacSha512];

/**
 * Algorithms a client offers by default, preferred first: all safe ones, implemented by noble. chacha20-poly1305 comes first because it is
 * the fastest in portable code; it runs in WebAssembly where available.
 */
export const defaultAlgorithms: TransportAlgorithms = {
  kex: KEX,
  hostKeys: /* @__PURE__ */ hostKeyAlgorithms(),
  ciphers: CIPHERS,
  macs: MACS,
};

/** The same without host certificates, so that a bundle need not carry their code. */
export const plainKeyAlgorithms: TransportAlgorithms = {
  kex: KEX,
  hostKeys: defaultHostKeyAlgorithms,
  ciphers: CIPHERS,
  macs: MACS,
};

/** Returns the algorithms of certificates, then those of plain keys. A page's passkey cannot be a host key. */
function hostKeyAlgorithms(): readonly SignatureAlgorithm[] {
  return [
    ...defaultCertificateAlgorithms.filter(({ name }) => !name.startsWith("webauthn-")),
    ...defaultHostKeyAlgorithms,
  ];
}

/**
 * Algorithms a server offers by default, preferred first. Shorter than the client's list, which also has to match old servers: no NIST
 * curves in key exchange, and only encrypt-then-MAC. A server offers a host-key algorithm only if it has a matching key.
 */
export const defaultServerAlgorithms: TransportAlgorithms = {
  kex: [mlkem768X25519Sha256, curve25519Sha256, curve25519Sha256Libssh],
  hostKeys: /* @__PURE__ */ withCertificates([
    ed25519,
    rsaSha2_512,
    rsaSha2_256,
    ecdsaNistp256,
    ecdsaNistp384,
    ecdsaNistp521,
  ]),
  ciphers: CIPHERS,
  macs: [hmacSha256Etm, hmacSha512Etm],
};

/** Returns the algorithms of plain keys, followed by those of their certificates. */
function withCertificates(plain: readonly SignatureAlgorithm[]): readonly SignatureAlgorithm[] {
  const isTheirs = ({ signatureName }: SignatureAlgorithm): boolean => plain.some(({ name }) => name === signatureName);
  return [...plain, ...defaultCertificateAlgorithms.filter(isTheirs)];
}
