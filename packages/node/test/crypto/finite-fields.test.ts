import { exchange, seeded } from "@nacre/testing/kex";
import { expect, test, vi } from "vitest";
import { diffieHellmanGroup14Sha256 } from "../../src/crypto/kex.ts";
import { loadAlgorithms } from "../../src/crypto/load.ts";

vi.mock("../../src/crypto/runtime.ts", () => ({ cryptoLibrary: "deno" }));
vi.mock(import("node:crypto"), async (original) => ({
  ...(await original()),
  getDiffieHellman: () => {
    throw new Error("node:crypto is too slow for this group");
  },
}));

test("finite-field groups use portable code if node:crypto takes seconds", async () => {
  await loadAlgorithms({ kex: [diffieHellmanGroup14Sha256], ciphers: [] });
  const { clientSecret, serverSecret } = exchange(diffieHellmanGroup14Sha256, seeded(1), seeded(2));
  expect(clientSecret).toEqual(serverSecret);
});
