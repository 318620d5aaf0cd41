// The methods without their arithmetic, for packages that provide other implementations of it.
export { nistPair, X25519_LENGTH, x25519Pair } from "./checked.ts";
export { type MlKem768, mlkem768X25519 } from "./hybrid.ts";
export type { KexMethod } from "./method.ts";
export { type ModpGroup, type ModpPair, modp } from "./modp.ts";
export { group14, group16, group18 } from "./modp-groups.ts";
export { ecdh, type KeyPair } from "./two-strings.ts";
