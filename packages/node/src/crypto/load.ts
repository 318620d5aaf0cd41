import type { TransportAlgorithms } from "@nacre/transport";
import { mlkem768X25519Sha256 } from "./kex.ts";
import { warmMlKem768 } from "./ml-kem.ts";
import type { Loadable } from "./portable.ts";

/**
 * Tests which of these algorithms node:crypto supports and imports portable code for the others: ML-KEM before Node 24.7, ChaCha20 and
 * Poly1305 if WebAssembly is forbidden or lacks vectors, P-521 on Deno. `connect` and `listen` call it while they wait for the network.
 * Await it yourself in a bundle that passes `nodeAlgorithms` or `nodeServerAlgorithms` to `nacre`. Without a bundler, portable code is
 * imported on first use at the latest.
 */
export async function loadAlgorithms({
  kex,
  ciphers,
  macs = [],
}: Pick<TransportAlgorithms, "kex" | "ciphers"> & Partial<Pick<TransportAlgorithms, "macs">>): Promise<void> {
  const algorithms: readonly object[] = [...kex, ...ciphers, ...macs];
  await Promise.all(algorithms.map(async (algorithm: Partial<Loadable>) => algorithm.load?.()));
}

/**
 * Runs slow first-time work of the algorithms imported by {@link loadAlgorithms}. Call it only while the process is idle: it takes twice as
 * much CPU time as it saves later.
 */
export function warmUpAlgorithms({ kex }: Pick<TransportAlgorithms, "kex">): void {
  if (kex.includes(mlkem768X25519Sha256)) warmMlKem768();
}
