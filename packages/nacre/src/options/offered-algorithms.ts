import type { WasmCipherAlgorithm } from "@nacre/ciphers-wasm";
import type { TransportAlgorithms } from "@nacre/transport";
import { type CryptoProvider, withMinRsaBits } from "./algorithms.ts";

/**
 * Returns the algorithms to offer: host-key algorithms with the bound of `minRsaBits`, and if `wasm` is false, JavaScript versions of the
 * ciphers in WebAssembly.
 */
export function offeredAlgorithms({
  algorithms: given,
  wasm,
  minRsaBits,
}: Pick<CryptoProvider, "algorithms"> & {
  readonly wasm?: boolean | undefined;
  readonly minRsaBits?: number | undefined;
}): TransportAlgorithms {
  const algorithms = { ...given, hostKeys: withMinRsaBits(given.hostKeys, minRsaBits) };
  if (wasm !== false) return algorithms;
  const ciphers = algorithms.ciphers.map((cipher: Partial<WasmCipherAlgorithm>) => cipher.withoutWasm?.() ?? cipher);
  return { ...algorithms, ciphers: ciphers as TransportAlgorithms["ciphers"] };
}
