/** `chacha20-poly1305.wasm` as a bundler for workers imports it: a `WebAssembly.Module`, which this package, that knows no global, cannot name. */
declare const program: object;

export { program as default };
