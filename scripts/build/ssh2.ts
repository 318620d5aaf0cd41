import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";
import { hashingWithNode } from "./hashing-with-node.ts";

const FOLDER = "packages/ssh2";
const FILE = `${FOLDER}/dist/ssh2.cjs`;

/**
 * Exports what the entry exports, and what the files of `lib` take from the bundle by a symbol. Gives classes their names back, since
 * esbuild writes `Client2` for the second `Client` that it sees.
 */
const ENTRY = `
import * as entry from "./index.ts";
import { internal } from "./internal.ts";
for (const [name, value] of Object.entries(entry))
  if (typeof value === "function") Object.defineProperty(value, "name", { value: name });
module.exports = Object.defineProperty({ ...entry }, Symbol.for("nacre.ssh2.internal"), { value: internal });
`;

/** Modules that the algorithms of `@nacre/node` import when they need them. The bundle contains them. */
const IMPORTED_ON_DEMAND = ["@nacre/ciphers", "@nacre/kex", "@nacre/keys", "@nacre/kex/ml-kem"];

/**
 * Returns the JavaScript of `@nacre/ssh2` by path, and esbuild's description of it: one CommonJS file with all packages that it uses.
 *
 * It has no `__esModule`, which ssh2 has not either: a program that was compiled to CommonJS would look for `default`. Node reads the
 * names for `import { Client }` from the last line, which does nothing.
 */
export async function bundleSsh2(): Promise<{
  readonly files: Map<string, string>;
  readonly inputs: Metafile["inputs"];
  readonly outputs: Metafile["outputs"];
}> {
  const names = await exportedNames();
  const { outputFiles, metafile } = await build({
    ...SETTINGS,
    stdin: { contents: ENTRY, resolveDir: `${FOLDER}/src`, sourcefile: "bundle.js" },
    banner: { js: `"use strict";\n${HASHES_LICENSE}` },
    footer: { js: `0 && (module.exports = { ${names.join(", ")} });` },
    plugins: [importingStatically, loadingLazily, hashingWithNode],
  });
  // esbuild also ends lines within texts, by a backslash. Rollup indents such lines, which changes the texts.
  const text = outputFiles[0]!.text.replaceAll(/(?<!\\)((?:\\\\)*)\\\n/g, "$1");
  const needed = new RegExp(`${UNUSED}[^"]*`).exec(text)?.[0];
  if (needed !== undefined) throw new Error(`the bundle of ssh2 uses import() of ${needed.slice(UNUSED.length)}`);
  return { files: new Map([[FILE, text]]), inputs: metafile.inputs, outputs: metafile.outputs };
}

/** noble's hashes have no comment with their license, unlike its other packages. */
const HASHES_LICENSE = "/*! noble-hashes - MIT License (c) 2022 Paul Miller (paulmillr.com) */";

const SETTINGS = {
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node20",
  conditions: ["@nacre/source"],
  // V8 reads the whole text at the start. A line holds few statements, because Node prints the line of an uncaught error.
  minifySyntax: true,
  minifyWhitespace: true,
  lineLimit: 120,
  legalComments: "eof",
  // jest does not support import() in CommonJS.
  supported: { "dynamic-import": false },
  write: false,
  metafile: true,
  logLevel: "warning",
} as const satisfies BuildOptions;

/** Returns the names of the values that the entry exports. */
async function exportedNames(): Promise<readonly string[]> {
  const { metafile } = await build({
    entryPoints: [`${FOLDER}/src/index.ts`],
    outdir: "out",
    format: "esm",
    write: false,
    metafile: true,
  });
  return Object.values(metafile.outputs).flatMap((output) => output.exports);
}

/**
 * Makes the modules that are imported on demand part of the bundle like all others. esbuild wraps every module that an `import()` or
 * `require()` reaches into a function, and V8 reads a function twice if it is called at the start.
 */
const importingStatically: Plugin = {
  name: "importing statically",
  setup(bundler) {
    bundler.onLoad({ filter: /packages\/node\/src\/crypto\/import-now\.ts$/ }, () => ({
      contents: `${IMPORTED_ON_DEMAND.map((name, at) => `import * as module${at} from "${name}";`).join("\n")}
const modules = { ${IMPORTED_ON_DEMAND.map((name, at) => `"${name}": module${at}`).join(", ")} };
export const importNow = (name) => modules[name];`,
      resolveDir: "packages/node",
      loader: "js",
    }));
    bundler.onLoad({ filter: /packages\/node\/src\/crypto\/(?:portable|ml-kem)\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const contents = source.replaceAll(/(?<!typeof )\bimport\(("[^"]+")\)/g, "Promise.resolve(importOnDemand($1))");
      if (contents === source) throw new Error(`${path} no longer uses import()`);
      return { contents: `import { importNow as importOnDemand } from "./import-now.ts";\n${contents}`, loader: "ts" };
    });
    // All others are in functions that the package does not use: esbuild drops these, but would keep the wrappers.
    bundler.onResolve({ filter: /./ }, ({ path, kind }) =>
      kind === "dynamic-import" ? { path: `${UNUSED}${path}`, external: true } : undefined,
    );
  },
};

/** Prefix of the path of a module that is only imported in functions that are not used. */
const UNUSED = "unused:";

/** Modules of Node that only some programs need. */
const LAZY_BUILTINS = /^node:(?:child_process|dns|fs\/promises)$/;

/**
 * Loads noble's modules, and some of Node's, when the bundle first uses a name of them: the tables of noble take as long as all the rest of
 * the bundle.
 */
const loadingLazily: Plugin = {
  name: "loading lazily",
  setup(bundler) {
    bundler.onResolve({ filter: /^@noble\// }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      const isDirect = pluginData === loadingLazily || /\/@noble\//.test(importer);
      if (isDirect || kind !== "import-statement") return undefined;
      const resolved = await bundler.resolve(path, { kind, resolveDir, pluginData: loadingLazily });
      return { path: pathToFileURL(resolved.path).href, namespace: "lazy" };
    });
    bundler.onResolve({ filter: LAZY_BUILTINS }, ({ path, kind }) =>
      kind === "import-statement" ? { path, namespace: "lazy" } : undefined,
    );
    bundler.onLoad({ filter: /./, namespace: "lazy" }, async ({ path: url }) => {
      const { default: _, ...names } = (await import(url)) as Readonly<Record<string, unknown>>;
      const isBuiltin = url.startsWith("node:");
      const lines = Object.entries(names).map(([name, value]) => {
        const loaded = `require(${JSON.stringify(isBuiltin ? url : `${name} of ${fileURLToPath(url)}`)}).${name}`;
        // Programs replace functions of Node, so each call looks them up.
        if (isBuiltin && typeof value === "function")
          return `export const ${name} = (...values) => ${loaded}(...values);`;
        const isLoaded = typeof value === "function" || typeof value === "object";
        return `export const ${name} = ${isLoaded ? `/* @__PURE__ */ lazily(() => ${loaded})` : JSON.stringify(value)};`;
      });
      const contents = `import { lazily } from "${resolve("scripts/build/lazily.ts")}";\n${lines.join("\n")}`;
      return { contents, resolveDir: "/", loader: "js" };
    });
    // One module for each name: esbuild keeps all names of a module that `require` loads.
    bundler.onResolve({ filter: / of /, namespace: "lazy" }, ({ path }) => ({ path, namespace: "one name" }));
    bundler.onLoad({ filter: /./, namespace: "one name" }, ({ path: text }) => {
      const [name, path] = text.split(" of ");
      return { contents: `export { ${name} } from "${path}";`, resolveDir: "/", loader: "js" };
    });
  },
};
