import { expect, test } from "vitest";
import { afterSteps, CLIENT, SERVER } from "./attacks/support/kits.ts";

test.each([CLIENT, SERVER])("requireStrictKex of a $side session is passed to its transport", (kit) => {
  const peer = { strict: false };
  expect(afterSteps(kit, 2, { peer }).error).toBeUndefined();
  expect(afterSteps(kit, 2, { peer, session: { requireStrictKex: true } }).error).toMatchObject({
    code: "strict-kex-required",
  });
});
