// Makes the JavaScript of each package: one file for each entry, beside the declarations that `tsc` has written. Node opens,
// resolves and links every module by itself, half a millisecond each, and a client is made of about 150 of them. What a package
// imports from others stays an import, so that a program with several packages has one `SshError`.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { build } from "esbuild";
import { chacha20Poly1305Program } from "../packages/ciphers-wasm/src/program.ts";

interface Manifest {
  /** Whether the package is never published, and so never built. */
  readonly private?: boolean;
  /** `undefined` for files other than JavaScript. */
  readonly exports?: Readonly<Record<string, { readonly "@nacre/source"?: string }>>;
  readonly bin?: Readonly<Record<string, string>>;
}

const folders = readdirSync("packages", { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => `packages/${name}`);
await Promise.all(folders.map((folder) => bundle(folder)));
// For platforms that forbid to compile WebAssembly from bytes.
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
    // What two entries share is in a file of its own, and what is imported late in another.
    splitting: true,
    packages: "external",
    format: "esm",
    platform: "neutral",
    target: "es2023",
    sourcemap: true,
    // The sources are published as they are.
    sourcesContent: false,
    logLevel: "warning",
  });
}
