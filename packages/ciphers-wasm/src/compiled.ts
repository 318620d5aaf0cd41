import type { Bytes } from "@nacre/wire";
import { chacha20Poly1305On, type WasmCipherAlgorithm, type WasmPlatform } from "./cipher.ts";
import { chacha20Poly1305Program } from "./program.ts";

/** The platform functions that the cipher needs to compile the program from its bytes. */
export interface CompilingPlatform extends Omit<WasmPlatform, "instantiate"> {
  /**
   * Compiles and instantiates a module that imports nothing, and returns its exports. Throws if the platform has no WebAssembly, has no
   * vectors, or forbids compiling it, as a page's Content-Security-Policy may.
   */
  instantiate(program: Bytes): unknown;
}

/** Does what {@link chacha20Poly1305On} does on a platform that compiles the program. The program is assembled when the cipher is first used. */
export function chacha20Poly1305OnWasm(platform: CompilingPlatform): WasmCipherAlgorithm {
  return chacha20Poly1305On({
    instantiate: () => platform.instantiate(chacha20Poly1305Program()),
    otherwise: () => platform.otherwise(),
    get chacha20() {
      return platform.chacha20;
    },
  });
}
