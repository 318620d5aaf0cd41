export {
  type Certificate,
  type CertificateType,
  certificateKey,
  certified,
  certifiedPrivateKey,
  FOREVER,
  isCertified,
  type SigningKey,
} from "./certificate.ts";
export { type CertificateProblem, type CertificateUse, certificateProblem } from "./certificate-check.ts";
export {
  ecdsaNistp256,
  ecdsaNistp256Maker,
  ecdsaNistp384,
  ecdsaNistp384Maker,
  ecdsaNistp521,
  ecdsaNistp521Maker,
  ecdsaPrivateKey,
  generateEcdsa,
} from "./ecdsa.ts";
export {
  type EcdsaCurve,
  type EcdsaFields,
  type EcdsaValues,
  ecdsaNistp256Format,
  ecdsaNistp384Format,
  ecdsaNistp521Format,
} from "./ecdsa-format.ts";
export { ed25519, ed25519Maker, ed25519PrivateKey, generateEd25519 } from "./ed25519.ts";
export { type Ed25519Fields, type Ed25519Values, ed25519Format } from "./ed25519-format.ts";
export { fingerprint, sha256Fingerprint } from "./fingerprint.ts";
export {
  defaultCertificateAlgorithms,
  defaultHostKeyAlgorithms,
  defaultSignatureAlgorithms,
  type PrivateKeyValues,
  parseCertificate,
  privateKeyFromFields,
} from "./formats.ts";
export { type HostCertificateProblem, type HostCertificateUse, hostCertificateProblem } from "./host-certificate.ts";
export {
  type CertificateOptions,
  issueCertificate,
  prepareCertificate,
  type UnsignedCertificate,
  USER_PERMISSIONS,
} from "./issue-certificate.ts";
export type {
  KeyBounds,
  KeyMaker,
  PrivateKey,
  PrivateKeyFields,
  PublicKey,
  SignatureAlgorithm,
  SignatureFacts,
  SignatureNames,
} from "./key.ts";
export { type KeyFormat, readPublicKey, type SecretForm } from "./key-format.ts";
export { modPow } from "./modular.ts";
export { defaultBlobFormats, defaultKeyFormats, keyLabel, parsePublicKey } from "./public-formats.ts";
export { rsaMaker, rsaSha2_256, rsaSha2_512 } from "./rsa.ts";
export { type RsaFields, rsaFormat } from "./rsa-format.ts";
export { generateRsa } from "./rsa-generate.ts";
export { SIGNATURE_FLAGS, skEcdsaNistp256Format, skEd25519Format } from "./security-key.ts";
export { readSignature, writeSignature } from "./signature.ts";
export { skEcdsaNistp256, skEd25519, webauthnSkEcdsaNistp256 } from "./sk.ts";
