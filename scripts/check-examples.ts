// Checks that the examples in the READMEs compile, and that the JavaScript ones parse on the oldest supported Node. Each ```ts and ```js
// block becomes a module. It keeps its own imports; exports of our packages that it uses without importing them are imported for it.
// Names that an example takes for granted, such as a socket or a key, are declared in scripts/config/examples.d.ts. Fails if it finds
// too few examples.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "acorn";

const BLOCK = /^```(ts|js)\n(.*?)^```$/gms;
const IMPORT = /^import .*?;\n/gms;
/** The syntax of Node 20, which lacks `await using`, on every Node that runs this script. */
const JAVASCRIPT = { ecmaVersion: 2024, sourceType: "module" } as const;
const root = process.cwd();
const folder = join(root, "node_modules", ".cache", "examples");

interface Manifest {
  readonly name: string;
  /** Whether the package is private: it is not published, so no example imports it. */
  readonly private?: boolean;
  /** Exports by path. `@nacre/source` is missing for files other than JavaScript. */
  readonly exports?: Readonly<Record<string, { readonly "@nacre/source"?: string; readonly types: string }>>;
}

/** Source file of each import specifier of our packages, in the form of tsconfig's `paths`. */
const paths: Record<string, readonly string[]> = {};
const exportsOf = new Map<string, ReadonlySet<string>>();
const readmes: { readonly file: string; readonly own: string }[] = [{ file: "README.md", own: "@nacre/node" }];
for (const name of readdirSync("packages")) {
  if (name.includes(".")) continue;
  const manifest = JSON.parse(readFileSync(`packages/${name}/package.json`, "utf8")) as Manifest;
  if (manifest.private) continue;
  for (const file of readdirSync(`packages/${name}`).filter((one) => /^(?:README|GUIDE)\.md$/.test(one)))
    readmes.push({ file: `packages/${name}/${file}`, own: manifest.name });
  for (const [entry, { types, "@nacre/source": source = types }] of Object.entries(manifest.exports ?? {})) {
    const specifier = join(manifest.name, entry);
    paths[specifier] = [join(root, "packages", name, source)];
    if (entry === ".") exportsOf.set(specifier, exportedNames(`packages/${name}/${source}`));
  }
}

// `@nacre/ssh2` has declarations of its own, under the name of what it takes the place of.
for (const name of ["ssh2", "@nacre/ssh2"]) paths[name] = [join(root, "packages/ssh2/index.d.ts")];

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
let count = 0;
let scripts = 0;
for (const { file, own } of readmes) {
  const text = readFileSync(file, "utf8");
  for (const block of text.matchAll(BLOCK)) {
    const line = text.slice(0, block.index).split("\n").length + 1;
    const [, language, code] = block;
    writeFileSync(join(folder, `${file.replaceAll("/", "-")}-line-${line}.ts`), moduleOf(code!, own));
    count++;
    if (language === "js") {
      mustParse(code!, `${file}:${line}`);
      scripts++;
    }
  }
}
writeFileSync(
  join(folder, "tsconfig.json"),
  JSON.stringify({
    extends: join(root, "packages", "tsconfig.test.json"),
    compilerOptions: { paths, noUnusedLocals: false, typeRoots: [join(root, "node_modules", "@types")] },
    include: ["*.ts", ...["examples.d.ts", "runtimes.d.ts"].map((name) => join(root, "scripts", "config", name))],
  }),
);
const { status, stdout, stderr } = spawnSync("tsc", ["-p", folder, "--pretty", "false"], { encoding: "utf8" });
process.stderr.write(stderr);
if (status !== 0) {
  console.error(
    `an example does not compile; the file name has its README and line, and added imports precede it:\n${stdout}`,
  );
  process.exit(1);
}
if (count < 10 || scripts < 3) {
  console.error(`found only ${count} examples, ${scripts} of them JavaScript: this check looks in the wrong place`);
  process.exit(1);
}
console.error(`${count} examples compile, ${scripts} of them parse as JavaScript for Node 20`);

/** Exits with status 1 if the code is a syntax error on Node 20. */
function mustParse(code: string, where: string): void {
  try {
    parse(code, JAVASCRIPT);
  } catch (error) {
    console.error(`${where}: block marked as js does not parse on Node 20: ${(error as Error).message}`);
    process.exit(1);
  }
}

/** Returns the exported names of an index file, which consists of re-exports only. */
function exportedNames(index: string): ReadonlySet<string> {
  const lists = readFileSync(index, "utf8").matchAll(/export (?:type )?\{(.*?)\}/gs);
  return new Set([...lists].flatMap(([, list]) => [...list!.matchAll(/(\w+)\s*(?:,|$)/g)].map(([, name]) => name!)));
}

/**
 * Converts an example to a module. Wraps it in an async generator, as an example may be a fragment with `await` or `yield`, unless it
 * has exports of its own.
 */
function moduleOf(code: string, own: string): string {
  const imports = code.match(IMPORT)?.join("") ?? "";
  const body = code.replaceAll(IMPORT, "");
  const known = new Set(imports.match(/\w+/g));
  for (const [, pattern] of body.matchAll(/\b(?:const|let) (\{.*?\}|\w+)/g))
    for (const name of pattern!.match(/\w+/g)!) known.add(name);
  const added = [...new Set(body.match(/(?<![.\w"])\w+(?!\w|:)/g))].filter((name) => !known.has(name));
  const from = (name: string): string | undefined =>
    [own, ...exportsOf.keys()].find((specifier) => exportsOf.get(specifier)?.has(name));
  const missing = added.flatMap((name) => {
    const specifier = from(name);
    return specifier === undefined ? [] : [`import { ${name} } from "${specifier}";\n`];
  });
  const module = /^export /m.test(body) ? body : `export async function* example() {\n${body}}\n`;
  return `${imports}${missing.join("")}${module}`;
}
