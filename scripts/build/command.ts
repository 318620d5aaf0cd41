import { readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";
import { stripComments } from "./strip-comments.ts";

const FOLDER = "packages/cli";
/** Module of `nacre HOST`. The file with its code also has what the other commands share with it. */
const SSH = `${FOLDER}/src/ssh/ssh.ts`;
/** Modules that `importNow` of `@nacre/node` imports, by the names of their files: keys.js for "@nacre/keys". */
const PORTABLE = {
  ciphers: "packages/ciphers/src/index.ts",
  kex: "packages/kex/src/index.ts",
  "kex-ml-kem": "packages/kex/src/ml-kem.ts",
  keys: "packages/keys/src/index.ts",
};

const SETTINGS = {
  entryPoints: { main: `${FOLDER}/src/main.ts`, ...PORTABLE },
  outdir: `${FOLDER}/dist`,
  bundle: true,
  splitting: true,
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

/**
 * Returns the JavaScript of the `nacre` command by path, and esbuild's description of it. It contains the packages that the command uses,
 * and noble: Node needs half a millisecond to open and link a file, and a connection would load 30.
 */
export async function bundleCommand(): Promise<{ readonly files: Map<string, string>; readonly metafile: Metafile }> {
  const { metafile: graph } = await build(SETTINGS);
  const { outputFiles, metafile } = await build({
    ...SETTINGS,
    plugins: [withOneCommonFile(modulesSharingWith(SSH, graph)), importingFromFiles, hashingWithNode],
  });
  const files = outputFiles.map(({ path, text }) => [relative(process.cwd(), path), stripComments(text)] as const);
  return { files: new Map(files), metafile };
}

/** Returns the modules loaded by `import()` that share code with this one. */
function modulesSharingWith(module: string, { inputs }: Metafile): Set<string> {
  const common = staticImports(module, inputs);
  const onDemand = Object.values(inputs).flatMap(({ imports }) =>
    imports.filter(({ kind, external }) => kind === "dynamic-import" && external !== true).map(({ path }) => path),
  );
  return new Set(
    onDemand.filter((path) => path !== module && [...staticImports(path, inputs)].some((file) => common.has(file))),
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
 * Makes each of these modules import `nacre HOST`. esbuild writes one file for each set of modules that share code, 26 for `nacre HOST`.
 * With this, all of them share all of its code, which makes one file.
 */
function withOneCommonFile(modules: ReadonlySet<string>): Plugin {
  return {
    name: "one common file",
    setup(bundler) {
      bundler.onResolve({ filter: /^common:/ }, () => ({ path: resolve(SSH) }));
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

/** Gives noble's ML-KEM the hash functions of node:crypto (`sha3.ts`). */
const hashingWithNode: Plugin = {
  name: "hashing with Node",
  setup(bundler) {
    bundler.onResolve({ filter: /^@noble\/hashes\/sha3\.js$/ }, ({ importer }) =>
      importer.includes("/@noble/post-quantum/") ? { path: resolve("scripts/build/sha3.ts") } : undefined,
    );
  },
};
