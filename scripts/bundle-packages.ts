// Writes the JavaScript of each package: one file for each entry, next to the declarations from `tsc`. Bundling shortens the start:
// Node needs half a millisecond to open, resolve and link a module, and a client has about 150. Imports from other packages stay
// imports, so that a program with several packages has one class `SshError`. Only the command and `@nacre/ssh2` contain all they need.
// Builds only packages whose sources have changed.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
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

/** The file of a package that has all modules which an entry loads at once. */
interface Base {
  /** Source of the entry. */
  readonly source: string;
  /** The file, relative to `dist`. */
  readonly file: string;
}

/**
 * Returns the base of a package: the modules of the entry that nearly every program loads. Other entries, and modules that are loaded by
 * `import()`, import these from there. Otherwise esbuild writes a chunk for each set of entries that share code: the entry of `node`
 * would load 22 of them, which takes a tenth longer.
 */
function baseOf(folder: string, sources: readonly string[]): Base | undefined {
  // A file of its own, because a public entry must not export what all modules export.
  if (folder === "packages/node") return { source: "./src/index.ts", file: "./shared.js" };
  const source = folder === "packages/wire" ? "./src/index.ts" : INTERNAL.find((one) => sources.includes(one));
  return source === undefined ? undefined : { source, file: fileOf(source) };
}

const INTERNAL = ["./src/internal.ts", "./src/extend.ts"];

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
  const entries = sources
    .filter((source) => fileOf(source) !== base?.file)
    .map((source) => ({ in: `${folder}/${source}`, out: fileOf(source).slice(2, -3) }));
  if (base !== undefined)
    for (const module of await bundleBase(folder, base, files, outputs))
      entries.push({ in: module, out: lazyFileOf(module).slice(2, -3) });
  const { outputFiles } = await build({
    ...settings(folder),
    entryPoints: entries,
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

/** Makes modules import these from other files, so that esbuild writes no chunk for them. */
function importingFrom(files: ReadonlyMap<string, string>): Plugin {
  return {
    name: "importing from entries",
    setup(bundler) {
      bundler.onResolve({ filter: /^\./ }, ({ path, resolveDir, importer, kind }) => {
        const file = kind === "entry-point" ? undefined : files.get(resolve(resolveDir, path));
        return file === undefined || importer === "" ? undefined : { path: file, external: true };
      });
    },
  };
}

/** Leaves each `import()` of a module of the package to the file that has it, and adds the module to `lazy`. */
function importingLater(files: ReadonlyMap<string, string>, lazy: Set<string>): Plugin {
  return {
    name: "importing later",
    setup(bundler) {
      bundler.onResolve({ filter: /^\./ }, ({ path, resolveDir, kind }) => {
        if (kind !== "dynamic-import") return undefined;
        const module = resolve(resolveDir, path);
        lazy.add(module);
        return { path: files.get(module) ?? lazyFileOf(module), external: true };
      });
    },
  };
}

/** Returns the path of the file of a module that is loaded later. At the top of `dist`, since it imports the base from beside itself. */
function lazyFileOf(module: string): string {
  return `./${basename(module, ".ts")}.js`;
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

/**
 * Adds the base, which exports all that its modules export, to `outputs`, and its modules to `files`. Returns the modules that it loads
 * by `import()`.
 */
async function bundleBase(
  folder: string,
  { source, file }: Base,
  files: Map<string, string>,
  outputs: OutputFile[],
): Promise<ReadonlySet<string>> {
  const lazy = new Set<string>();
  const first = await build({
    ...settings(folder),
    entryPoints: [`${folder}/${source}`],
    plugins: [importingLater(files, lazy)],
  });
  const modules = Object.keys(first.metafile.inputs);
  for (const module of modules) {
    if (module !== join(folder, source) && files.has(resolve(module)))
      throw new Error(`${module}: ${source} cannot import another entry, which would have a second copy of it`);
    files.set(resolve(module), file);
    lazy.delete(resolve(module));
  }
  const all = await build({
    ...settings(folder),
    stdin: { contents: modules.map((module) => `export * from "./${module}";`).join("\n"), resolveDir: process.cwd() },
    entryNames: basename(file, ".js"),
    plugins: [importingLater(files, new Set())],
  });
  outputs.push(...all.outputFiles);
  await checkExports(folder, modules, exportsOf(all.metafile));
  return lazy;
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
