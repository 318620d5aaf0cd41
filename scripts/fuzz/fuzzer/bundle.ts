// Bundles the targets and their imports into one instrumented module.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { Instrumenter } from "./instrument.ts";
import type { Program } from "./loop.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const FOLDER = fileURLToPath(new URL(".", import.meta.url));

/** An instrumented program in a temporary file, removed on disposal. */
export interface Bundle extends Program {
  /** Path of the module to start as a worker. */
  readonly file: string;
  [Symbol.dispose](): void;
}

/**
 * Bundles and instruments a module. `targets` is the path of a module that exports `targets`. `counts` selects the source files to
 * instrument; default the sources of the packages.
 */
export async function bundle(targets: string, counts: (path: string) => boolean = isSource): Promise<Bundle> {
  const folder = mkdtempSync(join(tmpdir(), "nacre-fuzz-"));
  const file = join(folder, "targets.mjs");
  const instrumenter = new Instrumenter();
  await esbuild.build({
    logOverride: { "ignored-bare-import": "silent" },
    stdin: {
      contents: `import { serve } from ${JSON.stringify(join(FOLDER, "worker.ts"))};
import { targets } from ${JSON.stringify(targets)};
await serve(targets);`,
      resolveDir: ROOT,
      loader: "ts",
    },
    outfile: file,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    conditions: ["@nacre/source"],
    sourcemap: "inline",
    // Defines `require` for bundled CommonJS modules that load modules of Node.
    banner: { js: 'import * as commonJs from "node:module"; const require = commonJs.createRequire(import.meta.url);' },
    logLevel: "warning",
    plugins: [
      {
        name: "instrument",
        setup(build) {
          build.onResolve({ filter: /^nacre-fuzz:feedback$/ }, () => ({ path: join(FOLDER, "feedback.ts") }));
          build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
            if (!counts(path)) return undefined;
            const options = { loader: "ts", target: "es2023", sourcefile: path, sourcemap: "inline" } as const;
            const { code } = await esbuild.transform(readFileSync(path, "utf8"), options);
            return { contents: instrumenter.instrument(code), loader: "js" };
          });
        },
      },
    ],
  });
  return {
    file,
    blocks: instrumenter.blocks,
    // Sorted, as the order in which esbuild reads files varies.
    words: [...instrumenter.words].sort(),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function isSource(path: string): boolean {
  return /\/packages\/(?!testing\/)[^/]+\/src\//.test(path.replaceAll("\\", "/"));
}
