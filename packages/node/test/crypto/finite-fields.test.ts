import { exchange, seeded } from "@nacre/testing/kex";
import { expect, test, vi } from "vitest";
import { diffieHellmanGroup14Sha256 } from "../../src/crypto/kex.ts";
import { loadAlgorithms } from "../../src/crypto/load.ts";

vi.mock("../../src/runtime.ts", () => ({ cryptoLibrary: "deno" }));
vi.mock(import("node:crypto"), async (original) => ({
  ...(await original()),
  getDiffieHellman: () => {
    throw new Error("it takes seconds there");
  },
}));

test("finite-field groups are computed by portable code where node:crypto takes seconds", async () => {
  await loadAlgorithms({ kex: [diffieHellmanGroup14Sha256], ciphers: [] });
  const { clientSecret, serverSecret } = exchange(diffieHellmanGroup14Sha256, seeded(1), seeded(2));
  expect(clientSecret).toEqual(serverSecret);
});
