import { expect, test } from "vitest";
import { fingerprint, packageFolders } from "../fingerprint.mjs";

test("every package that is published has a fingerprint of its own", () => {
  const folders = packageFolders();
  expect(folders).toContain("packages/node");
  expect(folders).not.toContain("packages/testing");
  expect(new Set(folders.map(fingerprint)).size).toBe(folders.length);
});
