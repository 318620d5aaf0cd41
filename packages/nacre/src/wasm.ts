import type { WasmCipherAlgorithm } from "@nacre/ciphers-wasm";
import type { TransportAlgorithms } from "@nacre/transport";
import type { CryptoProvider } from "./options/algorithms.ts";

/** Returns the algorithms to offer. If `wasm` is false, ciphers in WebAssembly are replaced by their JavaScript versions. */
export function offeredAlgorithms({
  algorithms,
  wasm,
}: Pick<CryptoProvider, "algorithms"> & { readonly wasm?: boolean | undefined }): TransportAlgorithms {
  if (wasm !== false) return algorithms;
  const ciphers = algorithms.ciphers.map((cipher: Partial<WasmCipherAlgorithm>) => cipher.withoutWasm?.() ?? cipher);
  return { ...algorithms, ciphers: ciphers as TransportAlgorithms["ciphers"] };
}
