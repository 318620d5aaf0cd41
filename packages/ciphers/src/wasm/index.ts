export { type ChaCha20, chacha20Poly1305OnWasm, type WasmPlatform } from "./cipher.ts";
