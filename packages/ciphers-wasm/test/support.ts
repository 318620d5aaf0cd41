import * as ciphers from "@nacre/ciphers";
import type { CipherSet } from "@nacre/testing/ciphers/twin";
import { chacha20Poly1305OnWasm } from "../src/index.ts";

/** What the program exports. */
export interface Program {
  readonly memory: WebAssembly.Memory;
  poly1305(length: number): void;
}

export function instantiate(program: Uint8Array<ArrayBuffer>): Program {
  return new WebAssembly.Instance(new WebAssembly.Module(program)).exports as unknown as Program;
}

/** The cipher, which fails where it would fall back. */
export const wasmChaCha20Poly1305: typeof ciphers.chacha20Poly1305 = chacha20Poly1305OnWasm({
  instantiate,
  otherwise: () => {
    throw new Error("the program was refused");
  },
});

/** All ciphers of the package, with chacha20-poly1305 in WebAssembly. */
export const withWasm: CipherSet = { ...ciphers, chacha20Poly1305: wasmChaCha20Poly1305 };
