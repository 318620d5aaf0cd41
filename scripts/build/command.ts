import { readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";
import { clientAlgorithms, nodeUserKeys, plainAlgorithms } from "../../packages/node/src/crypto/algorithms.ts";
import type { CryptoLibrary } from "../../packages/node/src/crypto/runtime.ts";
import { hashingWithNode } from "./hashing-with-node.ts";
import { stripComments } from "./strip-comments.ts";

const FOLDER = "packages/cli";
const MAIN = `${FOLDER}/src/main.ts`;
/** Module of the commands other than `nacre HOST`. */
const COMMANDS = `${FOLDER}/src/commands.ts`;
/** Module of `nacre -G`. */
const PRINT_CONFIG = `${FOLDER}/src/ssh/print-config.ts`;
/** Modules that `importNow` of `@nacre/node` imports, by the names of their files: keys.js for "@nacre/keys". */
const PORTABLE = {
  ciphers: "packages/ciphers/src/index.ts",
  kex: "packages/kex/src/index.ts",
  keys: "packages/keys/src/index.ts",
};
/** The module of ML-KEM, which nearly every connection loads before Node 24.7. */
const ML_KEM = { "kex-ml-kem": "packages/kex/src/ml-kem.ts" };

const SETTINGS = {
  bundle: true,
  format: "esm",
  platform: "node",
  target: "es2023",
  conditions: ["@nacre/source"],
  external: ["@lydell/node-pty", "redis", "ws"],
  write: false,
  metafile: true,
  logLevel: "warning",
  // The import of `withOneCommonFile` runs nothing; only where esbuild puts the code depends on it.
  logOverride: { "ignored-bare-import": "silent" },
} as const satisfies BuildOptions;

/** A part of the command, in a folder of its own. */
interface Part {
  readonly entryPoints: Readonly<Record<string, string>>;
  readonly outdir: string;
  /** Module with whose code esbuild puts all code that it shares with others. */
  readonly common: string;
  /** Whether it makes connections, or names algorithms at most. */
  readonly connects: boolean;
}

/**
 * Parts that share no file, since a process runs only one of them. With shared files, `nacre HOST` would load code that only servers use:
 * esbuild puts a module into a common file if both reach it through an index, even if one of them uses nothing of it.
 */
const PARTS: readonly Part[] = [
  {
    entryPoints: { main: MAIN, ssh: `${FOLDER}/src/ssh.ts`, ...PORTABLE },
    outdir: `${FOLDER}/dist`,
    common: `${FOLDER}/src/ssh/ssh.ts`,
    connects: true,
  },
  {
    entryPoints: { commands: COMMANDS, ...PORTABLE },
    outdir: `${FOLDER}/dist/commands`,
    common: `${FOLDER}/src/ssh/connection.ts`,
    connects: true,
  },
  {
    entryPoints: { "print-config": PRINT_CONFIG },
    outdir: `${FOLDER}/dist/config`,
    common: PRINT_CONFIG,
    connects: false,
  },
];

/**
 * Returns the JavaScript of the `nacre` command by path, and esbuild's description of it. It contains the packages that the command uses,
 * and noble: Node needs half a millisecond to open and link a file, and a connection would load 30.
 */
export async function bundleCommand(): Promise<{
  readonly files: Map<string, string>;
  readonly outputs: Metafile["outputs"];
}> {
  const files = new Map<string, string>();
  const outputs: Metafile["outputs"] = {};
  for (const { outputFiles, metafile } of (await Promise.all(PARTS.map(bundlePart))).flat()) {
    for (const { path, text } of outputFiles) files.set(relative(process.cwd(), path), stripComments(text));
    Object.assign(outputs, metafile.outputs);
  }
  return { files, outputs };
}

async function bundlePart({ entryPoints, outdir, common, connects }: Part) {
  const always = [importingOtherFiles, ...(connects ? [] : [namingAlgorithms])];
  const onDemand = await modulesOnDemand(Object.values(entryPoints), always);
  const settings = { ...SETTINGS, entryPoints, outdir, splitting: true };
  const plugins = [...always, importingFromFiles, importingOnDemand(onDemand)];
  const { metafile: graph } = await build({ ...settings, plugins });
  const oneFile = withOneCommonFile(common, modulesSharingWith(common, onDemand, graph));
  return Promise.all([
    build({ ...settings, plugins: [oneFile, ...plugins] }),
    ...(connects ? [build({ ...SETTINGS, entryPoints: ML_KEM, outdir, plugins: [hashingWithNode] })] : []),
  ]);
}

/**
 * Returns the modules that the code of these modules loads by `import()`. esbuild bundles all of them that a file names, even in functions
 * that it leaves out: `listen` of `@nacre/node` would add a server to `nacre HOST`.
 */
async function modulesOnDemand(modules: readonly string[], plugins: readonly Plugin[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (let left = modules; left.length > 0; ) {
    const { metafile } = await build({
      ...SETTINGS,
      entryPoints: [...left],
      outdir: "out",
      plugins: [...plugins, importingOnDemand(new Set())],
    });
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
    left = imports
      .filter(({ path, kind }) => kind === "dynamic-import" && path.startsWith(ON_DEMAND))
      .map(({ path }) => path.slice(ON_DEMAND.length))
      .filter((path) => !found.has(path));
    for (const path of left) found.add(path);
  }
  return found;
}

/** Prefix of the path of a module that is loaded by `import()` and not bundled. */
const ON_DEMAND = "on-demand:";

/** Bundles only these of the modules that are loaded by `import()`. */
function importingOnDemand(bundled: ReadonlySet<string>): Plugin {
  return {
    name: "importing on demand",
    setup(bundler) {
      bundler.onResolve({ filter: /^[.@]|^nacre/ }, async ({ path, kind, resolveDir, pluginData }) => {
        if (kind !== "dynamic-import" || pluginData === ON_DEMAND) return undefined;
        const resolved = await bundler.resolve(path, { kind, resolveDir, pluginData: ON_DEMAND });
        const module = relative(process.cwd(), resolved.path);
        if (resolved.external || bundled.has(module)) return undefined;
        return { path: ON_DEMAND + module, external: true };
      });
    },
  };
}

/** Returns those of the modules loaded by `import()` that share code with this one. */
function modulesSharingWith(module: string, onDemand: ReadonlySet<string>, { inputs }: Metafile): Set<string> {
  const common = staticImports(module, inputs);
  return new Set(
    [...onDemand].filter(
      (path) => path !== module && [...staticImports(path, inputs)].some((file) => common.has(file)),
    ),
  );
}

function staticImports(module: string, inputs: Metafile["inputs"]): Set<string> {
  const found = new Set([module]);
  for (const file of found)
    for (const { path, kind, external } of inputs[file]!.imports)
      if (kind === "import-statement" && external !== true) found.add(path);
  return found;
}

/**
 * Makes each of these modules import the module `common`. esbuild writes one file for each set of modules that share code, 26 for
 * `nacre HOST`. With this, all of them share all of its code, which makes one file.
 */
function withOneCommonFile(common: string, modules: ReadonlySet<string>): Plugin {
  return {
    name: "one common file",
    setup(bundler) {
      bundler.onResolve({ filter: /^common:/ }, () => ({ path: resolve(common) }));
      bundler.onLoad({ filter: /\.ts$/ }, async ({ path }) =>
        modules.has(relative(process.cwd(), path))
          ? { contents: `${await readFile(path, "utf8")}\nimport "common:";`, loader: "ts" }
          : undefined,
      );
    },
  };
}

/** Makes `importNow` of `@nacre/node` import from the command's own files. The packages would have another class `SshError`. */
const importingFromFiles: Plugin = {
  name: "importing from files",
  setup(bundler) {
    bundler.onLoad({ filter: /import-now\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const contents = source.replace(
        "(import.meta.url)(specifier)",
        `(import.meta.url)("./" + specifier.replace("@nacre/", "").replace("/", "-") + ".js")`,
      );
      if (contents === source) throw new Error(`${path} no longer imports by createRequire`);
      return { contents, loader: "ts" };
    });
  },
};

/** Keeps imports of the other part, of `main.js` in `ssh.js`, and of ML-KEM, which is built alone so that it is one file. */
const importingOtherFiles: Plugin = {
  name: "importing other files",
  setup(bundler) {
    bundler.onResolve({ filter: /^\.\/commands\.ts$/ }, ({ importer }) =>
      resolve(importer) === resolve(MAIN) ? { path: "./commands/commands.js", external: true } : undefined,
    );
    bundler.onResolve({ filter: /^\.\/ssh\/print-config\.ts$/ }, () => ({
      path: "./config/print-config.js",
      external: true,
    }));
    bundler.onResolve({ filter: /^\.\/main\.ts$/ }, () => ({ path: "./main.js", external: true }));
    bundler.onResolve({ filter: /^@nacre\/kex\/ml-kem$/ }, () => ({ path: "./kex-ml-kem.js", external: true }));
  },
};

/** Has the names of the algorithms alone in place of their code, which would take a third of the start of `nacre -G`. */
const namingAlgorithms: Plugin = {
  name: "naming algorithms",
  setup(bundler) {
    bundler.onLoad({ filter: /crypto\/algorithms\.ts$/ }, () => {
      const names = Object.fromEntries((["openssl", "boringssl", "deno"] as const).map(namesWith));
      const contents = `import { cryptoLibrary } from "./runtime.ts";
export const nodeAlgorithms = ${JSON.stringify(names)}[cryptoLibrary];
export const plainAlgorithms = ${JSON.stringify(namesOf(plainAlgorithms))};
export const nodeUserKeys = ${JSON.stringify(namesOf(nodeUserKeys))};`;
      return { contents, loader: "js" };
    });
  },
};

/** Returns a library, and the algorithms of each kind that are offered with it, as objects with their names alone. */
function namesWith(library: CryptoLibrary) {
  const kinds = Object.entries(clientAlgorithms(library)) as [string, readonly { readonly name: string }[]][];
  return [library, Object.fromEntries(kinds.map(([kind, list]) => [kind, namesOf(list)]))];
}

function namesOf(list: readonly { readonly name: string }[]): readonly { readonly name: string }[] {
  return list.map(({ name }) => ({ name }));
}
