import { expect, test } from "vitest";
import type { Seen } from "../seen.ts";

// Reports the version of the browser in which the unit tests run. The matrix reads it from the test results.

/** Part of the User-Agent Client Hints API, which TypeScript's DOM types lack. */
interface UserAgentData {
  getHighEntropyValues(hints: readonly string[]): Promise<{
    readonly fullVersionList: readonly { readonly brand: string; readonly version: string }[];
  }>;
}

test("tests run in a page of Chromium, without globals of Node", async ({ task }) => {
  expect([typeof process, typeof Buffer, typeof setImmediate, typeof document]).toEqual([
    "undefined",
    "undefined",
    "undefined",
    "object",
  ]);
  const { userAgentData } = navigator as unknown as { readonly userAgentData: UserAgentData };
  const { fullVersionList } = await userAgentData.getHighEntropyValues(["fullVersionList"]);
  const version = fullVersionList.find(({ brand }) => /Chrom/.test(brand))?.version;
  expect(version).toMatch(/^\d+(\.\d+){3}$/);
  task.meta.seen = { version: version! } satisfies Seen;
});
