// Checks that a package imports only from lower floors, that its package.json and tsconfig.json list these imports, and that noble is
// the only dependency of floors 0–7. Checks that no two folders of a package import from each other, and that those of `nacre` that know
// neither client nor server import no other. Tests may share support code only through `@nacre/testing`. Fails if it finds too few imports.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { FLOORS } from "./floors.ts";
import { folderCircles } from "./folder-circles.ts";

/** Package with support code for tests; it has no floor. It may import any package. Only tests and scripts may import it. */
const TESTING = "testing";
const NOBLE = ["@noble/ciphers", "@noble/curves", "@noble/hashes", "@noble/post-quantum"];
/** Folders of `nacre/src` that serve both sides and every channel type, and the folders that each may import from, even types. */
const ROLE_FREE: Readonly<Record<string, readonly string[]>> = { streams: ["streams"], mux: ["mux", "streams"] };
const IMPORT = /^\s*(?:import|export)\b[^"';]*?\bfrom\s+"([^"]+)"|^\s*import\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm;

interface Manifest {
  readonly exports?: Readonly<Record<string, string | { readonly "@nacre/source"?: string }>>;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}
interface Project {
  readonly references?: readonly { readonly path: string }[];
}

const problems: string[] = [];
let imports = 0;

for (const [name, floor] of Object.entries(FLOORS)) {
  const folder = `packages/${name}`;
  const manifest = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as Manifest;
  const { dependencies, devDependencies, optionalDependencies, peerDependencies } = manifest;
  // The bundle of ssh2 contains the packages that it uses (`scripts/build/ssh2.ts`), so its users install none.
  const contained = name === "ssh2" ? devDependencies : {};
  const declared = new Set(
    Object.keys({ ...dependencies, ...contained, ...optionalDependencies, ...peerDependencies }),
  );
  const project = JSON.parse(readFileSync(`${folder}/tsconfig.json`, "utf8")) as Project;
  const referenced = new Set((project.references ?? []).map(({ path }) => path.replace("../", "")));
  const used = new Set<string>();

  for (const name of readdirSync(`${folder}/src`, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue;
    const file = `${folder}/src/${name}`;
    for (const specifier of importsOf(file)) {
      imports++;
      if (specifier.startsWith(".")) continue;
      if (specifier.startsWith("node:")) {
        if (floor < 8)
          problems.push(`${file}: floor ${floor} imports ${specifier}; only floors 8 and 9 may import Node modules`);
        continue;
      }
      const dependency = specifier.startsWith("@")
        ? specifier.split("/").slice(0, 2).join("/")
        : specifier.split("/")[0]!;
      used.add(dependency);
      if (packageName(dependency) === TESTING)
        problems.push(`${file} imports ${specifier}; only tests and scripts may import ${dependency}`);
      const target = FLOORS[packageName(dependency)];
      if (target !== undefined && target >= floor) {
        problems.push(
          `${file}: floor ${floor} imports ${dependency} of floor ${target}; import only from lower floors`,
        );
      }
    }
  }
  for (const dependency of used) {
    if (!declared.has(dependency))
      problems.push(`${folder}/package.json does not declare ${dependency}; the sources import it`);
  }
  // The command contains the packages that it uses (`scripts/build/command.ts`), so it imports `ws` in place of the gateway.
  if (name === "cli") used.add("ws");
  for (const dependency of declared) {
    const ours = packageName(dependency) in FLOORS;
    if (!used.has(dependency)) problems.push(`${folder}/package.json declares ${dependency}; no source imports it`);
    if (ours && !referenced.has(packageName(dependency)))
      problems.push(`${folder}/tsconfig.json has no reference to ${dependency}`);
    if (!ours && floor <= 7 && !NOBLE.includes(dependency))
      problems.push(`${folder}: floor ${floor} may not depend on ${dependency}`);
  }
  for (const reference of referenced) {
    if (!used.has(reference === "nacre" ? "nacre" : `@nacre/${reference}`))
      problems.push(`${folder}/tsconfig.json references ${reference}; no source imports it`);
  }
}

for (const folder of readdirSync("packages")) {
  if (!existsSync(`packages/${folder}/package.json`)) continue;
  if (!(folder in FLOORS) && folder !== TESTING)
    problems.push(`packages/${folder} has no floor; add it to scripts/floors.ts and ARCHITECTURE.md`);
}

if (!(JSON.parse(readFileSync(`packages/${TESTING}/package.json`, "utf8")) as Manifest).private)
  problems.push(`packages/${TESTING}/package.json is not private; it must not be published`);

for (const [folder, allowed] of Object.entries(ROLE_FREE)) {
  const files = readdirSync(`packages/nacre/src/${folder}`).map((name) => `packages/nacre/src/${folder}/${name}`);
  for (const file of files)
    for (const specifier of importsOf(file).filter((one) => one.startsWith("."))) {
      const target = join(dirname(file), specifier);
      if (!allowed.some((one) => target.startsWith(`packages/nacre/src/${one}/`)))
        problems.push(`${file} imports ${target}; ${folder} may import only from ${allowed.join(" and ")}`);
    }
  if (files.length < 3)
    problems.push(`found only ${files.length} files of ${folder}: this check looks in the wrong place`);
}

for (const name of [...Object.keys(FLOORS), TESTING]) {
  const folder = `packages/${name}/src`;
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const relative = files.map((file): [string, string[]] => [
    file,
    importsOf(`${folder}/${file}`).filter((specifier) => specifier.startsWith(".")),
  ]);
  for (const circle of folderCircles(new Map(relative), entriesOf(name)))
    problems.push(`packages/${name}/src: the folders ${circle} import from each other`);
}

let shared = 0;
for (const folder of [...Object.keys(FLOORS), TESTING].map((name) => `packages/${name}`).concat("scripts")) {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts") || /(?:^|\/)(?:node_modules|dist)\//.test(name)) continue;
    const file = `${folder}/${name}`;
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith(`@nacre/${TESTING}/`)) shared++;
      if (!specifier.startsWith(".")) continue;
      const target = join(dirname(file), specifier);
      if (/^packages\/[^/]+\/test\//.test(target) && !target.startsWith(`${folder}/`))
        problems.push(`${file} imports ${target} from the tests of another package; move it to packages/${TESTING}`);
    }
  }
}
if (shared < 50)
  problems.push(`found only ${shared} imports of @nacre/${TESTING}: this check looks in the wrong place`);
if (imports < 100) problems.push(`found only ${imports} imports: this check looks in the wrong place`);
for (const problem of problems) console.error(problem);
console.error(`${Object.keys(FLOORS).length} packages, ${imports} imports`);
process.exitCode = problems.length > 0 ? 1 : 0;

function importsOf(file: string): string[] {
  return [...readFileSync(file, "utf8").matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

/** Returns the files in `src` of a package's entries. */
function entriesOf(name: string): Set<string> {
  const { exports = {} } = JSON.parse(readFileSync(`packages/${name}/package.json`, "utf8")) as Manifest;
  const sources = Object.values(exports).map((one) => (typeof one === "string" ? "" : (one["@nacre/source"] ?? "")));
  // The bundles have entries of their own.
  const bundled = name === "ssh2" ? ["index.ts", "internal.ts"] : ["main.ts", "commands.ts"];
  return new Set([...sources.map((source) => source.replace("./src/", "")), ...bundled]);
}

function packageName(dependency: string): string {
  return dependency.replace("@nacre/", "");
}
