export { type ChaCha20, chacha20Poly1305On, type WasmCipherAlgorithm, type WasmPlatform } from "./cipher.ts";
export { type CompilingPlatform, chacha20Poly1305OnWasm } from "./compiled.ts";
