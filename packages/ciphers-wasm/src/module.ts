/** Default export of `chacha20-poly1305.wasm` in bundlers for workers: a `WebAssembly.Module`, a type that this package does not have. */
declare const program: object;
// oxlint-disable-next-line import/no-default-export -- bundlers provide only a default export
export default program;
