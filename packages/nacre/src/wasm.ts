import type { WasmCipherAlgorithm } from "@nacre/ciphers-wasm";
import type { TransportAlgorithms } from "@nacre/transport";
import type { CryptoProvider } from "./client/options.ts";

/** The algorithms to offer: those given, with no cipher in WebAssembly where `wasm` is false. */
export function offeredAlgorithms({
  algorithms,
  wasm,
}: Pick<CryptoProvider, "algorithms"> & { readonly wasm?: boolean | undefined }): TransportAlgorithms {
  if (wasm !== false) return algorithms;
  const ciphers = algorithms.ciphers.map((cipher: Partial<WasmCipherAlgorithm>) => cipher.withoutWasm?.() ?? cipher);
  return { ...algorithms, ciphers: ciphers as TransportAlgorithms["ciphers"] };
}
