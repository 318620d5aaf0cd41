// The examples in the READMEs compile, and those that are JavaScript are such to the oldest Node that is supported. Each ```ts and ```js block becomes a module: what it imports by itself stays, what its own
// package or another exports is imported for it, and the names that a reader is left to imagine (a socket, a key) are declared in
// scripts/config/examples.d.ts. Fails when it saw nothing to check.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "acorn";

const BLOCK = /^```(ts|js)\n(.*?)^```$/gms;
const IMPORT = /^import .*?;\n/gms;
/** What Node 20 knows, whichever runs this: no `await using`. */
const JAVASCRIPT = { ecmaVersion: 2024, sourceType: "module" } as const;
const root = process.cwd();
const folder = join(root, "node_modules", ".cache", "examples");

interface Manifest {
  readonly name: string;
  /** Whether the package is never published: no example imports it. */
  readonly private?: boolean;
  /** `undefined` for files other than JavaScript. */
  readonly exports?: Readonly<Record<string, { readonly "@nacre/source"?: string; readonly types: string }>>;
}

/** What can be imported by which specifier, and the file that it is. */
const paths: Record<string, readonly string[]> = {};
const exportsOf = new Map<string, ReadonlySet<string>>();
const readmes: { readonly file: string; readonly own: string }[] = [{ file: "README.md", own: "@nacre/node" }];
for (const name of readdirSync("packages")) {
  if (name.includes(".")) continue;
  const manifest = JSON.parse(readFileSync(`packages/${name}/package.json`, "utf8")) as Manifest;
  if (manifest.private) continue;
  readmes.push({ file: `packages/${name}/README.md`, own: manifest.name });
  for (const [entry, { types, "@nacre/source": source = types }] of Object.entries(manifest.exports ?? {})) {
    const specifier = join(manifest.name, entry);
    paths[specifier] = [join(root, "packages", name, source)];
    if (entry === ".") exportsOf.set(specifier, exportedNames(`packages/${name}/${source}`));
  }
}

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
    `An example does not compile (the file's name tells where it stands; imports come before it):\n${stdout}`,
  );
  process.exit(1);
}
if (count < 10 || scripts < 3) {
  console.error(`Only ${count} examples were found, ${scripts} of them JavaScript`);
  process.exit(1);
}
console.error(`${count} examples compile, ${scripts} of them parse as JavaScript for Node 20`);

/** Ends this with status 1 for what Node 20 would call a syntax error. */
function mustParse(code: string, where: string): void {
  try {
    parse(code, JAVASCRIPT);
  } catch (error) {
    console.error(`${where}: this is marked as js, and is no JavaScript for Node 20: ${(error as Error).message}`);
    process.exit(1);
  }
}

/** The names that an index gives out; it only re-exports. */
function exportedNames(index: string): ReadonlySet<string> {
  const lists = readFileSync(index, "utf8").matchAll(/export (?:type )?\{(.*?)\}/gs);
  return new Set([...lists].flatMap(([, list]) => [...list!.matchAll(/(\w+)\s*(?:,|$)/g)].map(([, name]) => name!)));
}

/** A module of the example: in a generator, since some of it is a piece of one, unless it is a module itself. */
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
