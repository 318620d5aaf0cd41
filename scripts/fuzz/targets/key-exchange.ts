import type { KexMethod, KexSecret } from "@nacre/kex";
import * as noble from "@nacre/kex";
import { seededRandom } from "@nacre/testing/random";
import { nodeAlgorithms } from "../../../packages/node/src/crypto/algorithms.ts";
import { loadMlKem768 } from "../../../packages/node/src/crypto/ml-kem.ts";
import { expectEqual, outcome } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";
import { Input } from "../input.ts";

// `nodeAlgorithms` needs noble's ML-KEM before Node 24.7.
await loadMlKem768();

/** One method of each family. The larger groups differ only in the time they take. */
export const KEX_METHODS: readonly KexMethod[] = [
  noble.curve25519Sha256,
  noble.mlkem768X25519Sha256,
  noble.ecdhSha2Nistp256,
  noble.ecdhSha2Nistp521,
  noble.diffieHellmanGroup14Sha256,
];

/**
 * The peer's message of a key exchange. The first byte selects the method, the second one our side. The portable implementation and that on
 * node:crypto must accept the same messages, and compute the same secret if they draw the same private values.
 */
export const keyExchange: Target = {
  name: "key-exchange",
  run: (bytes) => {
    const input = new Input(bytes);
    const method = KEX_METHODS[input.byte() % KEX_METHODS.length]!;
    const twin = nodeAlgorithms.kex.find(({ name }) => name === method.name)!;
    const side = (input.byte() & 1) === 0 ? "client" : "server";
    const payload = input.rest();
    const ours = outcome(() => secretOf(method, side, payload));
    const theirs = outcome(() => secretOf(twin, side, payload));
    expectEqual(theirs.code, ours.code, `${method.name} on node:crypto`);
    if (method === noble.curve25519Sha256) expectEqual(theirs.value, ours.value, "secret on node:crypto");
  },
};

function secretOf(method: KexMethod, side: "client" | "server", payload: Uint8Array): KexSecret | undefined {
  const exchange = method[side](seededRandom(1));
  if ("start" in exchange) exchange.start();
  const step = exchange.receive(payload);
  return step.type === "done" ? step.secret : undefined;
}
