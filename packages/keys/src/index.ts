export {
  type Certificate,
  type CertificateType,
  certificateKey,
  certifiedPrivateKey,
  FOREVER,
  isCertified,
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
export type { EcdsaCurve, EcdsaFields, EcdsaValues } from "./ecdsa-format.ts";
export { ed25519, ed25519Maker, ed25519PrivateKey, generateEd25519 } from "./ed25519.ts";
export type { Ed25519Fields, Ed25519Values } from "./ed25519-format.ts";
export { fingerprint, sha256Fingerprint } from "./fingerprint.ts";
export {
  defaultCertificateAlgorithms,
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
  KeyMaker,
  PrivateKey,
  PrivateKeyFields,
  PublicKey,
  SignatureAlgorithm,
  SignatureFacts,
  SignatureNames,
} from "./key.ts";
export type { KeyFormat, SecretForm } from "./key-format.ts";
export { modPow } from "./modular.ts";
export { defaultBlobFormats, defaultKeyFormats, keyLabel, parsePublicKey } from "./public-formats.ts";
export { rsaMaker, rsaSha2_256, rsaSha2_512 } from "./rsa.ts";
export type { RsaFields } from "./rsa-format.ts";
export { generateRsa } from "./rsa-generate.ts";
export { SIGNATURE_FLAGS } from "./security-key.ts";
export { readSignature, writeSignature } from "./signature.ts";
export { skEcdsaNistp256, skEd25519, webauthnSkEcdsaNistp256 } from "./sk.ts";
