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

test("the manifest of the bundle names the version of Nacre inside, and no packages that only a clone needs", () => {
  const text = JSON.stringify({ name: "@nacre/ssh2", version: "1.17.0", devDependencies: { nacre: "0.1.0" } });
  expect(JSON.parse(publishedManifest(text))).toEqual({ name: "@nacre/ssh2", version: "1.17.0", nacre: "0.1.0" });
  const other = JSON.stringify({ name: "@nacre/web", devDependencies: { nacre: "0.1.0" } });
  expect(JSON.parse(publishedManifest(other))).toEqual({ name: "@nacre/web" });
});
