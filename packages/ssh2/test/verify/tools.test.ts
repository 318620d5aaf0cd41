import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureRuntimes } from "../../../../scripts/runtimes/install.ts";
import { useOpenSsh } from "../interop/openssh.ts";
import { folderOf, makeProject, type Project, packSsh2, removeProject } from "./project.ts";
import { type Registry, startRegistry } from "./registry.ts";

// Test runners, bundlers, versions of Node and ways to name the package, which ssh2 works with.
const NODE_20 = `node-linux-${process.arch}`;
const TOOLS = {
  ssh2: "npm:@nacre/ssh2@^1.17.0",
  jest29: "npm:jest@29.7.0",
  jest30: "npm:jest@30.5.2",
  vitest: "4.1.12",
  webpack: "5.113.0",
  esbuild: "0.28.2",
  node20: `npm:${NODE_20}@20.0.0`,
  "@types/node": "20.19.0",
  "@types/ssh2-streams": "0.1.9",
  "ssh2-promise": "1.0.3",
  "node-ssh": "13.2.1",
};

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

test("the aliased dependency is in the place of all other copies", async () => {
  const listed = (await project.command(["npm", "ls", "ssh2"])).split("\n").filter((line) => line.includes("─ ssh2@"));
  expect(listed.length).toBeGreaterThan(2);
  expect(listed.filter((line) => !line.includes("ssh2@npm:@nacre/ssh2@1.17."))).toEqual([]);
  const print = `const { name, nacre } = require("ssh2/package.json"); console.log(name, typeof nacre)`;
  expect(await project.command([process.execPath, "-e", print])).toBe("@nacre/ssh2 string\n");
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
