export { curve25519Sha256, curve25519Sha256Libssh } from "./curve25519.ts";
export {
  diffieHellmanGroup14Sha256,
  diffieHellmanGroup16Sha512,
  diffieHellmanGroup18Sha512,
} from "./diffie-hellman.ts";
export type { KexClient, KexClientStep, KexMethod, KexSecret, KexServer, KexServerStep } from "./method.ts";
export { mlkem768X25519Sha256 } from "./mlkem768x25519.ts";
export { ecdhSha2Nistp256, ecdhSha2Nistp384, ecdhSha2Nistp521 } from "./nist-ecdh.ts";
