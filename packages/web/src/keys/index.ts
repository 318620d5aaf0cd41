// A separate entry point, so that pages without keys do not load this code.
export type { PromptOptions } from "./credentials.ts";
export { type GenerateWebKeyOptions, generateWebKey } from "./generate-web-key.ts";
export type { WebIdentity } from "./identity.ts";
export { importWebKey } from "./import-web-key.ts";
export { type KeyStore, type KeyStoreOptions, keyStore, type StoredKey } from "./key-store.ts";
export { type CreatePasskeyOptions, createPasskey, type Passkey, type UserVerification } from "./passkey.ts";
export { type PasskeyIdentityOptions, passkeyIdentity } from "./passkey-identity.ts";
export type { WebKey } from "./web-key.ts";
