// Checks the packages as they are published: packs them, runs publint on each, looks for files that do not belong there and for characters
// that double the memory of a file's text, and compares the WebAssembly file with the assembler's output.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { chacha20Poly1305Program } from "../packages/ciphers-wasm/src/program.ts";
import { pack } from "./pack.ts";

interface Manifest {
  readonly name: string;
  readonly main?: string;
  readonly types?: string;
  readonly nacre?: string;
  readonly exports?: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
}

/** Files that a package may have. */
const PUBLISHED = /^(?:package\.json|README\.md|LICENSE|dist\/.*\.(?:js|d\.ts|wasm))$/;
/** Files that the CommonJS package may have. */
const PUBLISHED_CJS =
  /^(?:package\.json|README\.md|GUIDE\.md|LICENSE|dist\/ssh2\.cjs|lib\/.*\.js|index\.d\.ts|types\/.*\.d\.ts)$/;

const folder = mkdtempSync(join(tmpdir(), "nacre-packages-"));
let errors = 0;
let bytes = 0;
try {
  const tarballs = pack(join(folder, "tarballs"));
  for (const tarball of tarballs) {
    const path = join(folder, "package");
    if (spawnSync("tar", ["-xzf", tarball, "-C", folder]).status !== 0) throw new Error(`cannot unpack ${tarball}`);
    const manifest = JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as Manifest;
    const { name, exports = {} } = manifest;
    const isCjs = name === "@nacre/ssh2";
    const { messages, pkg } = await publint({ pkgDir: path, pack: false, strict: true });
    // ssh2 has no `type` either, and Node loads `.cjs` without a look for it.
    for (const message of messages)
      if (!isCjs || message.code !== "USE_TYPE") problem(`${name}: ${formatMessage(message, pkg)}`);
    const files = readdirSync(path, { recursive: true, encoding: "utf8" }).filter((file) =>
      statSync(join(path, file)).isFile(),
    );
    for (const file of files)
      if (!(isCjs ? PUBLISHED_CJS : PUBLISHED).test(file))
        problem(`${name}: ${file} is packed; \`files\` should leave it out`);
    const scripts = files.filter((file) => /\.c?js$/.test(file));
    if (scripts.length === 0) problem(`${name}: no JavaScript; run \`npm run build\``);
    for (const file of scripts) checkCharacters(`${name}/${file}`, readFileSync(join(path, file), "utf8"));
    for (const entry of Object.values(exports))
      for (const file of Object.values(entry))
        if (!files.includes(file.slice(2))) problem(`${name}: the packed package lacks ${file}`);
    if (isCjs) checkCjs(manifest, files);
    const wasm = exports["./chacha20-poly1305.wasm"]?.default;
    if (wasm !== undefined && !readFileSync(join(path, wasm)).equals(chacha20Poly1305Program()))
      problem(`${name}: ${wasm} differs from the output of \`chacha20Poly1305Program\``);
    bytes += files.reduce((sum, file) => sum + statSync(join(path, file)).size, 0);
    rmSync(path, { recursive: true });
  }
  console.error(`${tarballs.length} packages, ${(bytes / 1e6).toFixed(1)} MB`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = errors > 0 ? 1 : 0;

/** Checks the package that takes the place of ssh2: it names its bundle, its version of Nacre, and no other package. */
function checkCjs({ name, main, types, nacre, ...manifest }: Manifest, files: readonly string[]): void {
  for (const file of [main, types])
    if (file === undefined || !files.includes(file)) problem(`${name}: the packed package lacks ${file}`);
  if (nacre === undefined) problem(`${name}: the field \`nacre\` does not name the version inside`);
  for (const field of ["dependencies", "devDependencies", "optionalDependencies", "exports", "scripts"] as const)
    if (field in manifest) problem(`${name}: package.json has \`${field}\``);
}

/** Checks that JavaScript has only characters of Latin-1. V8 takes two bytes for each character of a text with others. */
function checkCharacters(file: string, text: string): void {
  const found = /.*[^\0-\xFF].*/.exec(text)?.[0];
  if (found !== undefined) problem(`${file}: write the characters beyond Latin-1 as escapes: ${found.trim()}`);
}

function problem(text: string): void {
  console.error(text);
  errors++;
}
