import { expect, test, vi } from "vitest";
import { exchange, seeded } from "../../../kex/test/support.ts";
import { diffieHellmanGroup14Sha256 } from "../../src/crypto/kex.ts";

vi.mock("../../src/runtime.ts", () => ({ runtime: "deno" }));
vi.mock(import("node:crypto"), async (original) => ({
  ...(await original()),
  getDiffieHellman: () => {
    throw new Error("it takes seconds there");
  },
}));

test("groups are not left to a node:crypto that takes seconds for them", () => {
  const { clientSecret, serverSecret } = exchange(diffieHellmanGroup14Sha256, seeded(1), seeded(2));
  expect(clientSecret).toEqual(serverSecret);
});
