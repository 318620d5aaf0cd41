export { curve25519Sha256, curve25519Sha256Libssh } from "./curve25519.ts";
export type { KexClient, KexClientStep, KexMethod, KexSecret, KexServer, KexServerStep } from "./method.ts";
