export type { PrivateKey, PrivateKeyFields, PublicKey, SignatureAlgorithm } from "./key.ts";
