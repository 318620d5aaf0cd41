import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureRuntimes } from "../../../../scripts/runtimes/install.ts";
import { useOpenSsh } from "../interop/openssh.ts";
import { folderOf, installedAsSsh2, makeProject, type Project, packSsh2, removeProject } from "./project.ts";
import { type Registry, startRegistry } from "./registry.ts";

// Test runners, bundlers, versions of Node and ways to name the package, which ssh2 works with.
const NODE_20 = `node-linux-${process.arch}`;
const TOOLS = {
  ssh2: "npm:@nacre/ssh2@^1.17.0",
  // Beside the alias, for what README says about aliases of bundlers and jest.
  "@nacre/ssh2": "^1.17.0",
  jest29: "npm:jest@29.7.0",
  jest30: "npm:jest@30.5.2",
  vitest: "4.1.12",
  webpack: "5.113.0",
  esbuild: "0.28.2",
  rollup: "4.53.3",
  "@rollup/plugin-commonjs": "29.0.0",
  "@rollup/plugin-node-resolve": "16.0.3",
  node20: `npm:${NODE_20}@20.0.0`,
  "@types/node": "20.19.0",
  "@types/ssh2-streams": "0.1.9",
  "ssh2-promise": "1.0.3",
  "node-ssh": "13.2.1",
};

const README = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");

const openssh = useOpenSsh();
let registry: Registry;
let project: Project;
beforeAll(async () => {
  registry = await startRegistry(packSsh2());
  // As README says for a project that names ssh2 itself.
  project = await makeProject("npm", registry.url, TOOLS, { overrides: { ssh2: "$ssh2" } });
}, 600_000);
afterAll(() => {
  registry?.close();
  removeProject(project);
});

const SMOKE = /^(?:mlkem768x25519-sha256)\nran\n0\nundefined true\nclosed @nacre\/ssh2 \d+\n$/;

function env(): Record<string, string> {
  const { host, port, username, password } = openssh();
  return { HOST: host, PORT: `${port}`, USER_NAME: username, PASSWORD: password };
}

test("the aliased dependency is in the place of all other copies", () => {
  const found = installedAsSsh2(project.folder);
  expect(found.length).toBeGreaterThan(0);
  expect(new Set(found)).toEqual(new Set(["@nacre/ssh2"]));
});

test("README's commands show that it is in use", async () => {
  const [, block = ""] = /^```sh\n(.*?)^```$/ms.exec(README) ?? [];
  const [list, print, ...more] = block.trimEnd().split("\n");
  expect(more).toEqual([]);
  const tree = await project.command(["sh", "-c", list!]);
  // npm draws the tree in ASCII where the locale is not UTF-8.
  const lines = tree.split("\n").filter((line) => /[─-] ssh2@/.test(line));
  // The project's own, that of node-ssh and that of ssh2-promise.
  expect(lines.length, tree).toBe(3);
  for (const line of lines) expect(line).toContain("ssh2@npm:@nacre/ssh2@1.17.");
  const { version } = JSON.parse(readFileSync("packages/nacre/package.json", "utf8")) as { readonly version: string };
  expect(await project.command(["sh", "-c", print!])).toBe(`${version}\n`);
});

test("it is one file of JavaScript without dependencies, native code and install scripts", () => {
  const folder = join(project.folder, "node_modules/ssh2");
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, unknown>;
  expect(Object.keys(manifest).filter((name) => /^(?:scripts|gypfile|.*[dD]ependencies)$/.test(name))).toEqual([]);
  expect(readdirSync(join(folder, "dist"))).toEqual(["ssh2.cjs"]);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  expect(files.filter((file) => /\.(?:node|gyp|wasm)$/.test(file))).toEqual([]);
});

test.each(["20.0", "22", "24", "26"])("runs on Node %s, by require and by import", async (version) => {
  const { runtimes } = await ensureRuntimes();
  const node =
    version === "20.0"
      ? join(project.folder, "node_modules/node20/bin/node")
      : runtimes.find(({ name }) => name === `node${version}`)!.path;
  expect((await project.command([node, "--version"])).startsWith(`v${version}.`)).toBe(true);
  expect(await outputOf([node, "--no-warnings", "smoke.cjs"])).toMatch(SMOKE);
  const [first, ...others] = (await outputOf([node, "--no-warnings", "smoke.mjs"])).split("\n");
  expect(first).toBe("true");
  expect(others.join("\n")).toMatch(SMOKE);
});

async function outputOf(words: readonly string[]): Promise<string> {
  return project.command(words, env());
}

const TEST = `
test("connects", async () => {
  const { Client } = require("ssh2");
  const client = new Client();
  const { HOST: host, PORT: port, USER_NAME: username, PASSWORD: password } = process.env;
  await new Promise((resolve, reject) => {
    client.on("ready", resolve).on("error", reject).connect({ host, port: Number(port), username, password });
  });
  const [file] = await new Promise((resolve) => client.exec("echo from the host", (error, channel) => channel.on("data", (data) => resolve([String(data)]))));
  expect(file).toBe("from the host\\n");
  await new Promise((resolve) => client.on("close", resolve).end());
});
`;

test.each(["jest29", "jest30"])("runs in %s without settings", async (jest) => {
  const folder = folderOf(project, jest);
  writeFileSync(join(folder, "connects.test.js"), TEST);
  writeFileSync(join(folder, "jest.config.json"), JSON.stringify({ rootDir: "." }));
  const program = join(project.folder, "node_modules", jest, "bin/jest.js");
  expect(
    await project.command([process.execPath, program, "--config", join(folder, "jest.config.json"), "--json"], env()),
  ).toContain('"numPassedTests":1');
});

test("runs in vitest without settings", async () => {
  const folder = folderOf(project, "vitest");
  const imports = `import { expect, test } from "vitest";\nimport ssh2, { Client } from "ssh2";\n`;
  const source = TEST.replace('const { Client } = require("ssh2");', "expect(ssh2.Client).toBe(Client);");
  writeFileSync(join(folder, "connects.test.mjs"), imports + source);
  const program = join(project.folder, "node_modules/vitest/vitest.mjs");
  const output = await project.command([process.execPath, program, "run", "--root", folder, "--reporter=json"], env());
  expect(output).toContain('"numPassedTests":1');
});

test.each(["jest29", "jest30"])("takes the place of ssh2 by `moduleNameMapper` in %s", async (jest) => {
  const folder = folderOf(project, `${jest}-mapped`);
  const same = `test("is it", () => expect(require("ssh2")).toBe(require("@nacre/ssh2")));`;
  writeFileSync(join(folder, "mapped.test.js"), same);
  const moduleNameMapper = JSON.parse(/`moduleNameMapper: (\{[^`]*\})`/.exec(README)?.[1] ?? "") as unknown;
  const config = join(folder, "jest.config.json");
  writeFileSync(config, JSON.stringify({ rootDir: ".", moduleNameMapper }));
  const program = join(project.folder, "node_modules", jest, "bin/jest.js");
  expect(await project.command([process.execPath, program, "--config", config, "--json"])).toContain(
    '"numPassedTests":1',
  );
});

test("README's settings of esbuild put it in the place of ssh2", async () => {
  const [, block = ""] = /^```js\n(.*?)^```$/ms.exec(README) ?? [];
  writeFileSync(join(project.folder, "build.mjs"), block);
  writeFileSync(join(project.folder, "main.js"), readFileSync(join(project.folder, "smoke.cjs"), "utf8"));
  await project.command([process.execPath, "build.mjs"]);
  const bundle = readFileSync(join(project.folder, "out.js"), "utf8");
  expect(bundle).toContain("node_modules/@nacre/ssh2/dist/ssh2.cjs");
  expect(bundle).not.toContain("node_modules/ssh2/dist/ssh2.cjs");
  expect(await outputOf([process.execPath, "--no-warnings", "out.js"])).toMatch(SMOKE);
});

test("Rollup bundles it without a warning", async () => {
  const script = `
const { rollup } = require("rollup");
const commonjs = require("@rollup/plugin-commonjs");
const { nodeResolve } = require("@rollup/plugin-node-resolve");
async function main() {
  const warnings = [];
  const bundle = await rollup({
    input: "rolled.cjs",
    plugins: [nodeResolve({ preferBuiltins: true }), commonjs()],
    external: [/^node:/],
    onwarn: ({ message }) => warnings.push(message),
  });
  await bundle.write({ file: "rollup/out.cjs", format: "cjs" });
  console.log(JSON.stringify(warnings));
}
void main();`;
  writeFileSync(join(project.folder, "rollup.cjs"), script);
  const program = readFileSync(join(project.folder, "smoke.cjs"), "utf8");
  const own = program.replace('require("ssh2/package.json").name', '"@nacre/ssh2"');
  writeFileSync(join(project.folder, "rolled.cjs"), own);
  expect(await project.command([process.execPath, "rollup.cjs"])).toBe("[]\n");
  expect(readFileSync(join(project.folder, "rollup/out.cjs"), "utf8")).not.toMatch(/require\(['"]ssh2['"]\)/);
  expect(await outputOf([process.execPath, "--no-warnings", "rollup/out.cjs"])).toMatch(SMOKE);
});

test("esbuild bundles it", async () => {
  const words = ["smoke.cjs", "--bundle", "--platform=node", "--outfile=esbuild/out.cjs"];
  await project.command([join(project.folder, "node_modules/.bin/esbuild"), ...words]);
  expect(readFileSync(join(project.folder, "esbuild/out.cjs"), "utf8")).toContain("node_modules/ssh2/dist/ssh2.cjs");
  expect(await outputOf([process.execPath, "--no-warnings", "esbuild/out.cjs"])).toMatch(SMOKE);
});

test("webpack bundles it without a warning", async () => {
  const script = `
const webpack = require("webpack");
const output = { path: __dirname + "/webpack", filename: "out.cjs" };
// Not minimized, which takes minutes on a busy machine.
const optimization = { minimize: false };
webpack({ mode: "production", target: "node", entry: "./smoke.cjs", output, optimization }, (error, stats) => {
  if (error) throw error;
  console.log(JSON.stringify(stats.toJson({ all: false, errors: true, warnings: true })));
});`;
  writeFileSync(join(project.folder, "bundle.cjs"), script);
  const { errors, warnings } = JSON.parse(await project.command([process.execPath, "bundle.cjs"])) as {
    readonly errors: readonly unknown[];
    readonly warnings: readonly { readonly message: string }[];
  };
  expect({ errors, warnings }).toEqual({ errors: [], warnings: [] });
  expect(existsSync(join(project.folder, "webpack/out.cjs"))).toBe(true);
  expect(await outputOf([process.execPath, "--no-warnings", "webpack/out.cjs"])).toMatch(SMOKE);
});

test("the sources of ssh2-promise and the declarations of node-ssh compile", async () => {
  const settings = {
    module: "commonjs",
    moduleResolution: "node10",
    target: "es2022",
    types: ["node"],
    esModuleInterop: true,
    noEmit: true,
    listFiles: true,
  };
  const use = `import { NodeSSH } from "node-ssh"; import type { Client } from "ssh2"; export const c: Client | null = new NodeSSH().connection;`;
  writeFileSync(join(project.folder, "node-ssh.ts"), use);
  const files = ["node_modules/ssh2-promise/src/index.ts", "node-ssh.ts"];
  writeFileSync(join(project.folder, "tsconfig.json"), JSON.stringify({ compilerOptions: settings, files }));
  const compiler = join(process.cwd(), "node_modules/typescript-5.2/bin/tsc");
  const listed = await project.command([process.execPath, compiler, "-p", project.folder]);
  expect(listed).toContain("node_modules/ssh2/types/client.d.ts");
  expect(listed).not.toContain("@types/ssh2/");
});

test("`paths` of README prefers its types to a package's own copy of @types/ssh2", async () => {
  const folder = folderOf(project, "paths");
  const own = folderOf(project, "paths/node_modules/dependency/node_modules/@types/ssh2");
  symlinkSync(join(project.folder, "node_modules/ssh2"), join(folder, "node_modules/ssh2"));
  writeFileSync(
    join(own, "package.json"),
    JSON.stringify({ name: "@types/ssh2", version: "0.5.0", types: "index.d.ts" }),
  );
  writeFileSync(join(own, "index.d.ts"), "export class Client { connect(config: { host?: string }): void; }\n");
  const source = `import { Client } from "ssh2"; new Client().connect({ host: "example.org", hostKeys: "strict" });`;
  writeFileSync(join(folder, "node_modules/dependency/index.ts"), source);
  const paths = JSON.parse(/`"paths": (\{[^`]*\})`/.exec(README)?.[1] ?? "") as unknown;
  const compile = (more: object): Promise<string> => {
    const settings = { module: "commonjs", moduleResolution: "node10", target: "es2022", noEmit: true, ...more };
    const compilerOptions = { ...settings, types: [], skipLibCheck: true };
    const files = ["node_modules/dependency/index.ts"];
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
    return project.command([
      process.execPath,
      join(process.cwd(), "node_modules/typescript-5.2/bin/tsc"),
      "-p",
      folder,
    ]);
  };
  await expect(compile({})).rejects.toThrow("'hostKeys' does not exist");
  await compile({ paths, baseUrl: "." });
});

test.each([
  ["lib/client", "function"],
  ["lib/protocol/constants.js", "object"],
])("%s is required as of ssh2", async (file, type) => {
  expect(await project.command([process.execPath, "-e", `console.log(typeof require("ssh2/${file}"))`])).toBe(
    `${type}\n`,
  );
});

test.each([
  ["Protocol", "use the methods of `Client` and `Server`"],
  ["kex", "set the option `algorithms`"],
  ["crypto", "set the option `algorithms`"],
])("lib/protocol/%s names the public way", async (file, way) => {
  const script = `try { require("ssh2/lib/protocol/${file}") } catch (error) { console.log(error.code, error.message) }`;
  expect(await project.command([process.execPath, "-e", script])).toContain(
    `MODULE_NOT_FOUND \`ssh2/lib/protocol/${file}\` does not exist in @nacre/ssh2; ${way}`,
  );
});
