import type { TransportAlgorithms } from "@nacre/transport";
import { mlkem768X25519Sha256 } from "./kex.ts";
import { warmMlKem768 } from "./ml-kem.ts";
import type { Loadable } from "./portable.ts";

/**
 * Probes what node:crypto can do of these algorithms, and imports the portable code for what it cannot: ML-KEM before Node 24.7, ChaCha20
 * and Poly1305 where WebAssembly is forbidden or has no vectors, P-521 on Deno. `connect` and `listen` do so while they wait for others. To be
 * awaited in a bundle that uses `nodeAlgorithms` or `nodeServerAlgorithms` with `nacre`; elsewhere the portable code is imported when it is
 * used, at the latest.
 */
export async function loadAlgorithms({
  kex,
  ciphers,
  macs = [],
}: Pick<TransportAlgorithms, "kex" | "ciphers"> & Partial<Pick<TransportAlgorithms, "macs">>): Promise<void> {
  const algorithms: readonly object[] = [...kex, ...ciphers, ...macs];
  await Promise.all(algorithms.map(async (algorithm: Partial<Loadable>) => algorithm.load?.()));
}

/** Does what takes long the first time, of what {@link loadAlgorithms} has imported: for a moment in which there is nothing else to do. */
export function warmUpAlgorithms({ kex }: Pick<TransportAlgorithms, "kex">): void {
  if (kex.includes(mlkem768X25519Sha256)) warmMlKem768();
}
