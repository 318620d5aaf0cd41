import type { WasmCipherAlgorithm } from "@nacre/ciphers-wasm";
import type { TransportAlgorithms } from "@nacre/transport";
import { type CryptoProvider, withMinRsaBits } from "./algorithms.ts";

/**
 * Returns the algorithms to offer: host-key algorithms with the bound of `minRsaBits`, and with `wasm`, ciphers in WebAssembly as it says.
 */
export function offeredAlgorithms({
  algorithms: given,
  wasm = true,
  minRsaBits,
}: Pick<CryptoProvider, "algorithms"> & {
  readonly wasm?: boolean | object | undefined;
  readonly minRsaBits?: number | undefined;
}): TransportAlgorithms {
  const algorithms = { ...given, hostKeys: withMinRsaBits(given.hostKeys, minRsaBits) };
  if (wasm === true) return algorithms;
  const ciphers = algorithms.ciphers.map((cipher: Partial<WasmCipherAlgorithm>) => cipher.withWasm?.(wasm) ?? cipher);
  return { ...algorithms, ciphers: ciphers as TransportAlgorithms["ciphers"] };
}
