// Checks the packages as they are published: runs publint on each, looks for characters that double the memory of a file's text, and
// compares the WebAssembly file with the assembler's output. Fails if it finds no package.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { chacha20Poly1305Program } from "../packages/ciphers-wasm/src/program.ts";

const folders = readdirSync("packages").filter(
  (name) => existsSync(`packages/${name}/package.json`) && !manifestOf(`packages/${name}`).private,
);
let errors = 0;
for (const folder of folders) {
  const { messages, pkg } = await publint({ pkgDir: `packages/${folder}`, pack: false, strict: true });
  for (const message of messages) problem(`packages/${folder}: ${formatMessage(message, pkg)}`);
  checkCharacters(`packages/${folder}/dist`);
}
checkWasmModule("packages/ciphers-wasm", "./chacha20-poly1305.wasm");
console.error(`${folders.length} packages`);
process.exitCode = errors > 0 || folders.length === 0 ? 1 : 0;

/** Checks that the JavaScript has only characters of Latin-1. V8 takes two bytes for each character of a text with others. */
function checkCharacters(folder: string): void {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js"));
  if (names.length === 0) problem(`${folder}: no JavaScript; run \`npm run build\``);
  for (const name of names) {
    const found = /.*[^\0-\xFF].*/.exec(readFileSync(`${folder}/${name}`, "utf8"))?.[0];
    if (found !== undefined)
      problem(`${folder}/${name}: write the characters beyond Latin-1 as escapes: ${found.trim()}`);
  }
}

/** Checks that the packed package contains the WebAssembly file, and that the file has the bytes of `chacha20Poly1305Program()`. */
function checkWasmModule(folder: string, entry: string): void {
  const { types, default: file } = manifestOf(folder).exports[entry]!;
  const { stdout } = spawnSync("npm", ["pack", "--dry-run", "--json"], { cwd: folder, encoding: "utf8" });
  const [packed] = JSON.parse(stdout) as [{ readonly files: readonly { readonly path: string }[] }];
  for (const wanted of [types, file])
    if (!packed.files.some(({ path }) => `./${path}` === wanted))
      problem(`${folder}: the packed package lacks ${wanted}`);
  if (!readFileSync(`${folder}/${file}`).equals(chacha20Poly1305Program()))
    problem(`${folder}: ${file} differs from the output of \`chacha20Poly1305Program\``);
}

interface Manifest {
  readonly private?: boolean;
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as Manifest;
}

function problem(text: string): void {
  console.error(text);
  errors++;
}
