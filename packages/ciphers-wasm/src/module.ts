/** The default export of `chacha20-poly1305.wasm` in a bundler for workers: a `WebAssembly.Module`, which this pure package cannot name. */
declare const program: object;
// oxlint-disable-next-line import/no-default-export -- an imported module has no other
export default program;
