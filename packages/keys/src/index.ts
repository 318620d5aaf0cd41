export {
  type EcdsaCurve,
  ecdsaNistp256,
  ecdsaNistp384,
  ecdsaNistp521,
  ecdsaPrivateKey,
  generateEcdsa,
  readEcdsaScalars,
} from "./ecdsa.ts";
export { ed25519, ed25519PrivateKey, generateEd25519 } from "./ed25519.ts";
export { fingerprint } from "./fingerprint.ts";
export { defaultSignatureAlgorithms, parsePublicKey, privateKeyFromFields } from "./formats.ts";
export type { PrivateKey, PrivateKeyFields, PublicKey, SignatureAlgorithm } from "./key.ts";
export { modPow } from "./modular.ts";
export { rsaSha2_256, rsaSha2_512 } from "./rsa.ts";
export { generateRsa } from "./rsa-generate.ts";
export { readSignature, writeSignature } from "./signature.ts";
