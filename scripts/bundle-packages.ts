// Writes the JavaScript of each package: one file for each entry, next to the declarations from `tsc`. Bundling shortens the start:
// Node needs half a millisecond to open, resolve and link a module, and a client has about 150. Imports from other packages stay
// imports, so that a program with several packages has one class `SshError`. Only the command and `@nacre/ssh2` contain all they need.
// Builds only packages whose sources have changed.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { type BuildOptions, build, type Metafile, type OutputFile, type Plugin } from "esbuild";
import { chacha20Poly1305Program } from "../packages/ciphers-wasm/src/program.ts";
import { bundleCommand } from "./build/command.ts";
import { COMMAND, fingerprint, fingerprintFile, isBuilt, packageFolders, SSH2 } from "./build/fingerprint.mjs";
import { bundleSsh2 } from "./build/ssh2.ts";
import { stripComments } from "./build/strip-comments.ts";

interface Manifest {
  /** Exports by path. `@nacre/source` is missing for files other than JavaScript. */
  readonly exports?: Readonly<Record<string, { readonly "@nacre/source"?: string }>>;
}

/**
 * Returns the entry that nearly every program loads. Its file carries all code that it shares with other entries of its package, and these
 * import it from there. Otherwise esbuild writes a chunk for each set of entries that share code: six for `extend` of `nacre`.
 */
function baseOf(folder: string, sources: readonly string[]): string | undefined {
  if (folder === "packages/wire") return "./src/index.ts";
  // Its modules use import(), so esbuild must see all entries at once.
  if (folder === "packages/node") return undefined;
  return ["./src/internal.ts", "./src/extend.ts"].find((base) => sources.includes(base));
}

await Promise.all(
  packageFolders()
    .filter((folder) => !isBuilt(folder))
    .map(make),
);

/** Builds a package. Each file gets into place by a rename, so that a program that starts meanwhile reads a whole one. */
async function make(folder: string): Promise<void> {
  const { exports = {} } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as Manifest;
  const print = fingerprint(folder);
  const files: Map<string, string | Uint8Array> = await filesOf(folder, exports);
  // A file for platforms that do not allow compiling WebAssembly from bytes.
  if (folder === "packages/ciphers-wasm") files.set(`${folder}/dist/chacha20-poly1305.wasm`, chacha20Poly1305Program());
  for (const [file, contents] of files) {
    mkdirSync(dirname(file), { recursive: true });
    // A program with "#!" can be called through a link.
    const mode = typeof contents === "string" && contents.startsWith("#!") ? 0o755 : 0o644;
    writeFileSync(`${file}.new`, contents, { mode });
    renameSync(`${file}.new`, file);
  }
  for (const name of readdirSync(`${folder}/dist`, { recursive: true, encoding: "utf8" }))
    if (/\.c?js$/.test(name) && !files.has(`${folder}/dist/${name}`)) rmSync(`${folder}/dist/${name}`);
  writeFileSync(fingerprintFile(folder), print);
}

/** Returns the contents of a package's JavaScript files, by path. */
async function filesOf(
  folder: string,
  exports: NonNullable<Manifest["exports"]>,
): Promise<Map<string, string | Uint8Array>> {
  if (folder === COMMAND) return (await bundleCommand()).files;
  if (folder === SSH2) return (await bundleSsh2()).files;
  return bundle(folder, exports);
}

async function bundle(
  folder: string,
  exports: NonNullable<Manifest["exports"]>,
): Promise<Map<string, string | Uint8Array>> {
  const sources = Object.values(exports).flatMap((entry) => entry["@nacre/source"] ?? []);
  const outputs: OutputFile[] = [];
  const base = baseOf(folder, sources);
  // The file in `dist` from which entries import a module.
  const files = new Map(sources.map((source) => [resolve(folder, source), fileOf(source)]));
  if (base !== undefined)
    for (const module of await bundleBase(folder, base, files, outputs)) files.set(resolve(module), fileOf(base));
  const { outputFiles } = await build({
    ...settings(folder),
    entryPoints: sources.filter((source) => source !== base).map((source) => `${folder}/${source}`),
    // Code shared by two entries gets a file of its own, and so does each module that is loaded by `import()`.
    splitting: true,
    plugins: base !== undefined ? [importingFrom(files)] : [],
  });
  outputs.push(...outputFiles);
  return new Map(outputs.map(({ path, text }) => [relative(process.cwd(), path), stripComments(text)]));
}

/** Returns the path of an entry's file, relative to `dist`. */
function fileOf(source: string): string {
  return source.replace("./src/", "./").replace(/\.ts$/, ".js");
}

/** Makes entries import these modules from other files, so that esbuild writes no chunk for them. */
function importingFrom(files: ReadonlyMap<string, string>): Plugin {
  return {
    name: "importing from entries",
    setup(bundler) {
      bundler.onResolve({ filter: /^\./ }, ({ path, resolveDir, kind }) => {
        const file = kind === "import-statement" ? files.get(resolve(resolveDir, path)) : undefined;
        return file === undefined ? undefined : { path: file, external: true };
      });
    },
  };
}

function settings(folder: string) {
  return {
    outbase: `${folder}/src`,
    outdir: `${folder}/dist`,
    bundle: true,
    packages: "external",
    format: "esm",
    platform: "neutral",
    target: "es2023",
    write: false,
    metafile: true,
    logLevel: "warning",
  } as const satisfies BuildOptions;
}

/** Adds the base entry, which also exports what its modules export, to `outputs`. Returns these modules. */
async function bundleBase(
  folder: string,
  base: string,
  entries: ReadonlyMap<string, string>,
  outputs: OutputFile[],
): Promise<readonly string[]> {
  const { metafile } = await build({ ...settings(folder), entryPoints: [`${folder}/${base}`] });
  const modules = Object.keys(metafile.inputs);
  for (const module of modules) {
    if (module !== join(folder, base) && entries.has(resolve(module)))
      throw new Error(`${module}: ${base} cannot import another entry, which would have a second copy of it`);
    if (metafile.inputs[module]!.imports.some(({ kind, external }) => kind === "dynamic-import" && !external))
      throw new Error(
        `${module}: modules of ${base} cannot use import(), because another entry would load a second copy`,
      );
  }
  const all = await build({
    ...settings(folder),
    stdin: { contents: modules.map((module) => `export * from "./${module}";`).join("\n"), resolveDir: process.cwd() },
    entryNames: fileOf(base).slice(2, -3),
  });
  outputs.push(...all.outputFiles);
  await checkExports(folder, modules, exportsOf(all.metafile));
  return modules;
}

/** Throws if `exported` lacks an export of a module: `export *` leaves out a name that two modules define. */
async function checkExports(folder: string, modules: string[], exported: ReadonlySet<string>): Promise<void> {
  const { metafile } = await build({
    entryPoints: modules,
    outdir: `${folder}/dist`,
    format: "esm",
    write: false,
    metafile: true,
  });
  for (const name of exportsOf(metafile))
    if (!exported.has(name)) throw new Error(`${folder}: two modules of its base entry export ${name}; rename one`);
}

function exportsOf({ outputs }: Metafile): Set<string> {
  return new Set(Object.values(outputs).flatMap(({ exports }) => exports));
}
