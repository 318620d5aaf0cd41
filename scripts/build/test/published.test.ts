import { expect, test } from "vitest";
import { publishedManifest, publishedReadme } from "../published.ts";

const README = "See [`nacre`](../nacre/README.md#errors), [below](#use) and [npm](https://example.org/a).\n";

test("links to other files get the project's address", () => {
  expect(publishedReadme(README, "packages/node", "https://example.org/ssh")).toBe(
    "See [`nacre`](https://example.org/ssh/blob/main/packages/nacre/README.md#errors), [below](#use) and " +
      "[npm](https://example.org/a).\n",
  );
});

test("without an address, only the text of links to other files stays", () => {
  expect(publishedReadme(README, "packages/node", undefined)).toBe(
    "See `nacre`, [below](#use) and [npm](https://example.org/a).\n",
  );
});

test("the manifest names no sources, and the project's address if there is one", () => {
  const entry = { "@nacre/source": "./src/index.ts", types: "./dist/index.d.ts", default: "./dist/index.js" };
  const text = JSON.stringify({ name: "@nacre/node", exports: { ".": entry } });
  const exports = { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } };
  expect(JSON.parse(publishedManifest(text, undefined))).toEqual({ name: "@nacre/node", exports });
  expect(JSON.parse(publishedManifest(text, "https://example.org/ssh"))).toEqual({
    name: "@nacre/node",
    exports,
    homepage: "https://example.org/ssh/blob/main/packages/node/README.md",
    repository: { type: "git", url: "https://example.org/ssh", directory: "packages/node" },
  });
});
