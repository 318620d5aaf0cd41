import * as ciphers from "@nacre/ciphers";
import type { CipherSet } from "@nacre/testing/ciphers/suites";
import { chacha20Poly1305OnWasm } from "../src/index.ts";

/** Exports of the program that tests use. */
export interface Program {
  readonly memory: WebAssembly.Memory;
  poly1305(length: number): void;
}

export function compile(program: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  return new WebAssembly.Module(program);
}

export function instantiate(module: WebAssembly.Module): Program {
  return new WebAssembly.Instance(module).exports as unknown as Program;
}

/** The cipher. Throws instead of using its fallback. */
export const wasmChaCha20Poly1305: typeof ciphers.chacha20Poly1305 = chacha20Poly1305OnWasm({
  compile,
  instantiate,
  otherwise: () => {
    throw new Error("the platform rejected the program");
  },
});

/** All ciphers of the package, with chacha20-poly1305 in WebAssembly. */
export const withWasm: CipherSet = { ...ciphers, chacha20Poly1305: wasmChaCha20Poly1305 };
