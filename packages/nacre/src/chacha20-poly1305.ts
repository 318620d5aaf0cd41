import { chacha20Poly1305 as onNoble } from "@nacre/ciphers";
import { chacha20Poly1305On, chacha20Poly1305OnWasm, type WasmCipherAlgorithm } from "@nacre/ciphers-wasm";

/**
 * chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305), in WebAssembly if the platform allows it and supports SIMD; otherwise
 * noble's version. WebAssembly is about five times as fast on long packets, and faster still on short ones. It adds 4 KiB (gzipped) to a
 * bundle.
 */
export const chacha20Poly1305: WasmCipherAlgorithm = /* @__PURE__ */ chacha20Poly1305OnWasm({
  instantiate: (program) => instantiate(new WebAssembly.Module(program)),
  otherwise: () => onNoble,
});

/**
 * Returns the same cipher, made from a compiled module. Use it on platforms that forbid compiling WebAssembly from bytes, such as
 * Cloudflare Workers. The module is the file `@nacre/ciphers-wasm/chacha20-poly1305.wasm`, imported by a bundler. If it cannot be
 * instantiated, noble's cipher is used.
 */
export function chacha20Poly1305FromModule(module: WebAssembly.Module): WasmCipherAlgorithm {
  return chacha20Poly1305On({ instantiate: () => instantiate(module), otherwise: () => onNoble });
}

function instantiate(module: WebAssembly.Module): WebAssembly.Exports {
  return new WebAssembly.Instance(module).exports;
}
