export {
  ecdsaNistp256,
  ecdsaNistp384,
  ecdsaNistp521,
  ecdsaPrivateKey,
  generateEcdsa,
} from "./ecdsa.ts";
export type { EcdsaCurve } from "./ecdsa-values.ts";
export { ed25519, ed25519PrivateKey, generateEd25519 } from "./ed25519.ts";
export { fingerprint, sha256Fingerprint } from "./fingerprint.ts";
export { defaultSignatureAlgorithms, privateKeyFromFields } from "./formats.ts";
export type { PrivateKey, PrivateKeyFields, PrivateKeyValues, PublicKey, SignatureAlgorithm } from "./key.ts";
export { modPow } from "./modular.ts";
export { parsePublicKey } from "./public-key.ts";
export { rsaSha2_256, rsaSha2_512 } from "./rsa.ts";
export { generateRsa } from "./rsa-generate.ts";
export { readSignature, writeSignature } from "./signature.ts";
