/** `chacha20-poly1305.wasm` as a bundler for workers imports it: a `WebAssembly.Module`, a type that this pure package cannot name. */
declare const program: object;
// oxlint-disable-next-line import/no-default-export -- an imported module has no other
export default program;
