// Writes the JavaScript of each package: one file for each entry, next to the declarations from `tsc`. Bundling shortens the start:
// Node needs half a millisecond to open, resolve and link a module, and a client has about 150. Imports from other packages stay
// imports, so that a program with several packages has one class `SshError`.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { build } from "esbuild";
import { chacha20Poly1305Program } from "../packages/ciphers-wasm/src/program.ts";

interface Manifest {
  /** Whether the package is private: it is not published, and so not built. */
  readonly private?: boolean;
  /** Exports by path. `@nacre/source` is missing for files other than JavaScript. */
  readonly exports?: Readonly<Record<string, { readonly "@nacre/source"?: string }>>;
  readonly bin?: Readonly<Record<string, string>>;
}

const folders = readdirSync("packages", { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => `packages/${name}`);
await Promise.all(folders.map((folder) => bundle(folder)));
// A file for platforms that do not allow compiling WebAssembly from bytes.
writeFileSync("packages/ciphers-wasm/dist/chacha20-poly1305.wasm", chacha20Poly1305Program());

async function bundle(folder: string): Promise<void> {
  const {
    private: isPrivate = false,
    exports = {},
    bin = {},
  } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as Manifest;
  if (isPrivate) return;
  const sources = [
    ...Object.values(exports).flatMap((entry) => entry["@nacre/source"] ?? []),
    ...Object.values(bin).map((file) => file.replace("/dist/", "/src/").replace(/\.js$/, ".ts")),
  ];
  for (const name of readdirSync(`${folder}/dist`, { recursive: true, encoding: "utf8" }))
    if (/\.js(?:\.map)?$/.test(name)) rmSync(`${folder}/dist/${name}`);
  await build({
    entryPoints: sources.map((source) => `${folder}/${source}`),
    outbase: `${folder}/src`,
    outdir: `${folder}/dist`,
    bundle: true,
    // Code shared by two entries gets a file of its own, and so does each module that is loaded by `import()`.
    splitting: true,
    packages: "external",
    format: "esm",
    platform: "neutral",
    target: "es2023",
    sourcemap: true,
    // The sources themselves are in the published package.
    sourcesContent: false,
    logLevel: "warning",
  });
}
