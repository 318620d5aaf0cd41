// Bundles the front door for the browser, without a shim: no Node builtin and no Node global may be in it. Prints its size.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const FORBIDDEN = /\b(?:Buffer\b|process\.|__dirname\b|require\(|setImmediate\b)/;

const result = await build({
  stdin: {
    contents: `export * from "nacre"; export * from "nacre/defaults";`,
    resolveDir: process.cwd(),
  },
  bundle: true,
  write: false,
  minify: true,
  format: "esm",
  platform: "browser",
  target: "es2023",
  conditions: ["@nacre/source"],
  logLevel: "error",
  metafile: true,
});
const code = result.outputFiles[0]!.text;
const inputs = Object.keys(result.metafile.inputs);
const found = FORBIDDEN.exec(code);
if (found !== null) {
  console.error(`the bundle names ${found[0]}: …${code.slice(Math.max(0, found.index - 60), found.index + 60)}…`);
  process.exitCode = 1;
}
if (!inputs.some((input) => input.includes("packages/transport/src"))) {
  console.error("the bundle does not hold the transport: the check is looking at the wrong thing");
  process.exitCode = 1;
}
const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;
console.error(
  `nacre for the browser: ${inputs.length} modules, ${kib(code.length)} minified, ${kib(gzipSync(code).length)} gzipped`,
);
