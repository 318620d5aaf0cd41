import type { Bytes } from "@nacre/wire";
import { chacha20Poly1305On, type WasmCipherAlgorithm, type WasmPlatform } from "./cipher.ts";
import { chacha20Poly1305Program } from "./program.ts";

/** Platform functions for the cipher, including one that compiles the program. */
export interface CompilingPlatform extends Omit<WasmPlatform, "compile"> {
  /**
   * Compiles the program. Throws if the platform lacks WebAssembly or its vector instructions, or forbids compilation, for example by a
   * Content-Security-Policy.
   */
  compile(program: Bytes): object;
}

/** Creates the cipher like {@link chacha20Poly1305On}, but assembles and compiles the program when the cipher is first used. */
export function chacha20Poly1305OnWasm(platform: CompilingPlatform): WasmCipherAlgorithm {
  return chacha20Poly1305On({
    compile: () => platform.compile(chacha20Poly1305Program()),
    instantiate: (module) => platform.instantiate(module),
    otherwise: () => platform.otherwise(),
    get chacha20() {
      return platform.chacha20;
    },
  });
}
