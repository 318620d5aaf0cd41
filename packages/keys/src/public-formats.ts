import { CERTIFIED_LABEL, certified, certifiedName, isCertified } from "./certificate.ts";
import { ecdsaNistp256Format, ecdsaNistp384Format, ecdsaNistp521Format } from "./ecdsa-format.ts";
import { ed25519Format } from "./ed25519-format.ts";
import type { KeyBounds, PublicKey } from "./key.ts";
import { type KeyFormat, readPublicKey } from "./key-format.ts";
import { rsaFormat } from "./rsa-format.ts";
import { skEcdsaNistp256Format, skEd25519Format } from "./security-key.ts";

/** All plain key formats of this package. */
export const defaultKeyFormats: readonly KeyFormat[] = [
  ed25519Format,
  ecdsaNistp256Format,
  ecdsaNistp384Format,
  ecdsaNistp521Format,
  rsaFormat,
  skEd25519Format,
  skEcdsaNistp256Format,
];
/** Those, and the formats of their certificates. */
export const defaultBlobFormats: readonly KeyFormat[] = /* @__PURE__ */ defaultKeyFormats.concat(
  /* @__PURE__ */ defaultKeyFormats.map(certified),
);

/** Returns the name of a key format as `ssh-keygen -l` prints it, such as `"ED25519"`; that of an unknown format unchanged. */
export function keyLabel(format: string): string {
  const plain = defaultKeyFormats.find(({ name }) => name === format || certifiedName(name) === format);
  return plain === undefined ? format : `${plain.label}${isCertified(format) ? CERTIFIED_LABEL : ""}`;
}

/**
 * Parses a public key blob of any format in this package, certificates included, and copies it (RFC 4253 §6.6). Throws `key-unsupported`
 * for another format, `key-malformed` or `key-weak`. The signature of a certificate's authority is not verified; see `parseCertificate`.
 * `bounds` are those of plain keys.
 */
export function parsePublicKey(blob: Uint8Array, bounds?: KeyBounds): PublicKey {
  return readPublicKey(blob, defaultBlobFormats, bounds);
}
