// Bundles the page with esbuild when the server starts.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** A file of the page. */
export interface PageFile {
  /** Value of `Content-Type`. */
  readonly type: string;
  readonly body: Uint8Array;
}

const TYPES: Readonly<Record<string, string>> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
};

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Bundles the page's script and style sheet. Returns the files by URL path. Dynamically imported code, such as the key file formats, is in
 * files of its own. Rejects if the page does not compile.
 */
export async function bundlePage(): Promise<ReadonlyMap<string, PageFile>> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ["page/terminal.ts", "page/terminal.css"],
    outdir: `${root}bundle`,
    write: false,
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: "es2022",
    // Bundles the sources of the packages, so that the page never runs an old build.
    conditions: ["@nacre/source"],
    logLevel: "silent",
  });
  return new Map(
    outputFiles.map(({ path, contents }) => {
      const name = path.slice(`${root}bundle`.length).replaceAll("\\", "/");
      return [name, { type: TYPES[name.slice(name.lastIndexOf(".") + 1)]!, body: contents }];
    }),
  );
}
