// Keys without their arithmetic: parses and checks keys, and encodes keys and signatures. For packages that bring their own arithmetic.
export { readKeyInteger } from "./blob.ts";
export { ecdsaPrivateKeyWith, type NistCurve, nistCurves, readEcdsaScalars } from "./ecdsa-values.ts";
export { checkEd25519Key, ed25519PrivateKeyWith } from "./ed25519-values.ts";
export { formatFingerprint } from "./fingerprint-text.ts";
export type { PrivateKey, PrivateKeyFields, PrivateKeyValues, PublicKey, SignatureAlgorithm } from "./key.ts";
export { isPrivateKey } from "./private-key.ts";
export { parsePublicKey } from "./public-key.ts";
export { rsaPrivateKeyWith } from "./rsa-values.ts";
export { readSignature } from "./signature.ts";
