// Keys without their arithmetic: parses and checks keys, and encodes keys and signatures. For packages that bring their own arithmetic.
export {
  type Certificate,
  type CertificateType,
  certificateKey,
  certified,
  certifiedAlgorithm,
  certifiedKeyBlob,
  certifiedName,
  certifiedPrivateKey,
  FOREVER,
  isCertified,
  plainAlgorithm,
  readCertificate,
} from "./certificate.ts";
export { type CertificateProblem, type CertificateUse, certificateProblem } from "./certificate-check.ts";
export {
  type EcdsaCurve,
  type EcdsaFields,
  type EcdsaValues,
  ecdsaNistp256Format,
  ecdsaNistp384Format,
  ecdsaNistp521Format,
  ecdsaPrivateKeyWith,
  type NistCurve,
  nistCurves,
  readEcdsaScalars,
  uncompressedPoint,
} from "./ecdsa-format.ts";
export {
  checkEd25519Key,
  type Ed25519Fields,
  type Ed25519Values,
  ed25519Format,
  ed25519PrivateKeyWith,
} from "./ed25519-format.ts";
export { formatFingerprint } from "./fingerprint-text.ts";
export type { PrivateKeyValues } from "./formats.ts";
export { type HostCertificateProblem, type HostCertificateUse, hostCertificateProblem } from "./host-certificate.ts";
export { type Jwk, privateJwk, publicJwk } from "./jwk.ts";
export {
  type KeyBounds,
  type KeyMaker,
  type PrivateKey,
  type PrivateKeyFields,
  type PublicKey,
  RSA_BITS,
  type SignatureAlgorithm,
  type SignatureFacts,
  type SignatureNames,
  VALID,
} from "./key.ts";
export {
  findKeyFormat,
  formatName,
  type KeyFormat,
  keyReader,
  readKeyInteger,
  readPublicKey,
  type SecretForm,
} from "./key-format.ts";
export { isPrivateKey } from "./private-key.ts";
export { defaultBlobFormats, defaultKeyFormats, keyLabel, parsePublicKey } from "./public-formats.ts";
export { type RsaFields, rsaFormat, rsaPrivateKeyWith } from "./rsa-format.ts";
export {
  SIGNATURE_FLAGS,
  securityKeyAlgorithm,
  skEcdsaNistp256Format,
  skEd25519Format,
  webauthnAlgorithm,
} from "./security-key.ts";
export { readSignature } from "./signature.ts";
