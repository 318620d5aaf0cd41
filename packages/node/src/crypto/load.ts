import type { TransportAlgorithms } from "@nacre/transport";
import { chacha20Poly1305, loadChaCha20Poly1305 } from "./chacha20-poly1305.ts";
import { mlkem768X25519Sha256 } from "./kex.ts";
import { loadMlKem768, warmMlKem768 } from "./ml-kem.ts";

/**
 * Imports what these algorithms take of the portable code where the running Node has no means of its own: ML-KEM before Node 24.7, and
 * chacha20-poly1305 where WebAssembly is forbidden or has no vectors. `connect` and `listen` do so while they wait for others. To be awaited in a
 * bundle that uses `nodeAlgorithms` or `nodeServerAlgorithms` with `nacre`; elsewhere they are imported when they are used, at the latest.
 */
export async function loadAlgorithms({ kex, ciphers }: Pick<TransportAlgorithms, "kex" | "ciphers">): Promise<void> {
  await Promise.all([
    kex.includes(mlkem768X25519Sha256) && loadMlKem768(),
    ciphers.includes(chacha20Poly1305) && loadChaCha20Poly1305(),
  ]);
}

/** Does what takes long the first time, of what {@link loadAlgorithms} has imported: for a moment in which there is nothing else to do. */
export function warmUpAlgorithms({ kex }: Pick<TransportAlgorithms, "kex">): void {
  if (kex.includes(mlkem768X25519Sha256)) warmMlKem768();
}
