import { expect, test } from "vitest";
import { afterSteps, CLIENT, SERVER } from "./attacks/support/kits.ts";

test.each([CLIENT, SERVER])("requireStrictKex of the $side is passed to its transport", (kit) => {
  const peer = { strict: false };
  expect(afterSteps(kit, 2, { peer }).error).toBeUndefined();
  expect(afterSteps(kit, 2, { peer, machine: { requireStrictKex: true } }).error).toMatchObject({
    code: "strict-kex-required",
  });
});
