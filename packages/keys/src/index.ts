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
export { defaultSignatureAlgorithms, type PrivateKeyValues, privateKeyFromFields } from "./formats.ts";
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
export { defaultKeyFormats, keyLabel, parsePublicKey } from "./public-formats.ts";
export { rsaMaker, rsaSha2_256, rsaSha2_512 } from "./rsa.ts";
export type { RsaFields } from "./rsa-format.ts";
export { generateRsa } from "./rsa-generate.ts";
export { readSignature, writeSignature } from "./signature.ts";
