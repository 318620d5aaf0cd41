import { expect, it } from "vitest";
import { folderCircles } from "../../folder-circles.ts";

const imports = new Map([
  ["index.ts", ["./a/one.ts", "./b/two.ts"]],
  ["a/one.ts", ["../b/two.ts"]],
  ["b/two.ts", ["../c/three.ts"]],
  ["c/three.ts", ["./four.ts"]],
]);

it("finds folders that import from each other, directly or through others", () => {
  expect(folderCircles(imports, new Set(["index.ts"]))).toEqual([]);
  const around = new Map([...imports, ["c/four.ts", ["../a/one.ts"]]]);
  expect(folderCircles(around, new Set(["index.ts"]))).toEqual(["a and b", "a and c", "b and c"]);
});

it("sees no circle in an entry that collects the exports of folders", () => {
  const shared = new Map([...imports, ["a/one.ts", ["../index.ts"]]]);
  expect(folderCircles(shared, new Set(["index.ts"]))).toEqual([]);
  expect(folderCircles(shared, new Set())).not.toEqual([]);
});

it("sees no circle in a part of an entry, but in a file that folders import as well", () => {
  const parts = new Map([...imports, ["index.ts", ["./part.ts"]], ["part.ts", ["./a/one.ts"]]]);
  expect(folderCircles(parts, new Set(["index.ts"]))).toEqual([]);
  const shared = new Map([...parts, ["c/four.ts", ["../part.ts"]]]);
  expect(folderCircles(shared, new Set(["index.ts"]))).toContain(". and c");
});
