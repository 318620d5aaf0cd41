// For `@nacre/ciphers-wasm` only; may change in any release. Does not import noble.
export { checkKeys, checkTag, mismatch } from "./check.ts";
export { CHACHA20_POLY1305, PACKET_SHAPE } from "./openssh-chacha20.ts";
