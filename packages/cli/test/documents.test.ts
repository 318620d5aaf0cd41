import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

// The commands in the documents must work in a fresh clone with only Node and npm installed.

const root = fileURLToPath(new URL("../../../", import.meta.url));
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { scripts: Record<string, string> };
/** All documents except BENCHMARKS.md, which records commands run on other machines. */
const documents = [
  ...readdirSync(root).filter((name) => name.endsWith(".md") && name !== "BENCHMARKS.md"),
  ...["packages", "examples", "scripts"].flatMap((folder) =>
    readdirSync(`${root}${folder}`)
      .map((name) => `${folder}/${name}/README.md`)
      .filter((file) => existsSync(`${root}${file}`)),
  ),
];

test.each(Object.entries(scripts))(
  "npm run %s goes through scripts/run.mjs, which installs dependencies",
  (name, command) => {
    expect(command).toBe(`node scripts/run.mjs ${name}`);
  },
);

test("CONTRIBUTING.md or README.md names each command, and ARCHITECTURE.md each folder of scripts", () => {
  const [contributing, readme, architecture] = ["CONTRIBUTING.md", "README.md", "ARCHITECTURE.md"].map((name) =>
    readFileSync(`${root}${name}`, "utf8"),
  );
  for (const name of Object.keys(scripts))
    expect(contributing! + readme!).toMatch(new RegExp(`npm (?:run )?${name}\\b`));
  for (const entry of readdirSync(`${root}scripts`, { withFileTypes: true }))
    if (entry.isDirectory()) expect(architecture).toContain(`\`scripts/${entry.name}/\``);
});

test.each(documents)("%s names only existing commands", (file) => {
  const text = readFileSync(`${root}${file}`, "utf8");
  for (const [, name] of text.matchAll(/\bnpm run ([a-z]+)/g)) expect(scripts).toHaveProperty(name!);
  const byPnpm = [...text.matchAll(/\bpnpm (?:run )?([a-z]+)/g)].map(([, name]) => name!);
  expect(byPnpm.filter((name) => name in scripts)).toEqual([]);
});

test.each(documents)("each link of %s to another document leads to a file, and to a heading in it", (file) => {
  const broken = [...proseOf(join(root, file)).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)]
    .map(([, path = "", heading]) => ({
      target: path === "" ? join(root, file) : join(root, dirname(file), path),
      heading,
    }))
    .filter(
      ({ target, heading }) => !existsSync(target) || (heading !== undefined && !headingsOf(target).includes(heading)),
    );
  expect(broken).toEqual([]);
});

test("README names every runtime dependency of the packages", () => {
  const [, sentence = ""] = /The only runtime dependencies\s(.*?)\n\n/s.exec(readFileSync(`${root}README.md`, "utf8"))!;
  for (const name of readdirSync(`${root}packages`).filter((one) =>
    existsSync(`${root}packages/${one}/package.json`),
  )) {
    const manifest = JSON.parse(readFileSync(`${root}packages/${name}/package.json`, "utf8")) as Manifest;
    if (manifest.private) continue;
    const names = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
    for (const dependency of names.filter((one) => !/^(?:@noble\/|@nacre\/|nacre$)/.test(one)))
      expect(sentence).toContain(`\`${dependency}\``);
  }
});

interface Manifest {
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Returns the text of a document without its blocks of code. */
function proseOf(file: string): string {
  return readFileSync(file, "utf8").replaceAll(/^```[^]*?^```/gm, "");
}

/** Returns the fragments with which links reach the headings of a document, as on GitHub. */
function headingsOf(file: string): string[] {
  return Array.from(proseOf(file).matchAll(/^#+ (.*)$/gm), ([, heading = ""]) =>
    heading
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, "")
      .replaceAll(" ", "-"),
  );
}
