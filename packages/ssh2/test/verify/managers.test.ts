import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import {
  installedAsSsh2,
  type Manager,
  makeProject,
  OVERRIDES,
  type Project,
  packSsh2,
  removeProject,
} from "./project.ts";
import { type Registry, startRegistry } from "./registry.ts";

// The lines of README that name this package, one for each package manager, and that for trees with ssh2 0.x.
let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry(packSsh2());
}, 600_000);
afterAll(() => registry?.close());

const README = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");

test("README has the lines that these tests use", () => {
  const blocks = [...README.matchAll(/```json\n(.*?)```/gs)].map(([, text]) => JSON.parse(text!) as unknown);
  for (const line of Object.values(OVERRIDES)) expect(blocks).toContainEqual(line);
  const alias = { dependencies: { ssh2: "npm:@nacre/ssh2@^1.17.0" }, overrides: { ssh2: "$ssh2" } };
  expect(blocks).toContainEqual(alias);
});

function nameOf(project: Project, folder: string): unknown {
  return (JSON.parse(readFileSync(join(project.folder, folder, "package.json"), "utf8")) as { name: unknown }).name;
}

test.each<Manager>(["npm", "pnpm", "yarn", "bun"])(
  "the line for %s puts the package in the place of ssh2",
  async (manager) => {
    const project = await makeProject(manager, registry.url, { "tunnel-ssh": "5.2.0" });
    onTestFinished(() => removeProject(project));
    const nested = "node_modules/tunnel-ssh/node_modules/ssh2";
    const pnpm = "node_modules/.pnpm/node_modules/ssh2";
    const found = ["node_modules/ssh2", nested, pnpm].filter((folder) => existsSync(join(project.folder, folder)));
    expect(found.map((folder) => nameOf(project, folder))).toEqual(["@nacre/ssh2"]);
  },
);

test.each<Manager>(["npm", "pnpm"])("`ssh2@1` of %s leaves a package alone that needs ssh2 0.x", async (manager) => {
  const line = /`("ssh2@1": "npm:[^"]+")`/.exec(README)?.[1];
  const overrides = JSON.parse(`{${line}}`) as object;
  const manifest = manager === "npm" ? { overrides } : { pnpm: { overrides } };
  const dependencies = { "tunnel-ssh": "5.2.0", "gulp-ssh": "0.7.0" };
  const project = await makeProject(manager, registry.url, dependencies, manifest);
  onTestFinished(() => removeProject(project));
  expect(new Set(installedAsSsh2(project.folder))).toEqual(new Set(["@nacre/ssh2", "ssh2"]));
  const versionOf = (consumer: string): Promise<string> => {
    const find = `require.resolve("ssh2/package.json", { paths: [require.resolve("${consumer}")] })`;
    return project.command([process.execPath, "-e", `console.log(require(${find}).name)`]);
  };
  expect(await versionOf("gulp-ssh")).toBe("ssh2\n");
  expect(await versionOf("tunnel-ssh/package.json")).toBe("@nacre/ssh2\n");
});

test("npm keeps an installed ssh2 until `npm update`", async () => {
  const project = await makeProject("npm", registry.url, { "tunnel-ssh": "5.2.0" }, {});
  onTestFinished(() => removeProject(project));
  const file = join(project.folder, "package.json");
  const manifest = JSON.parse(readFileSync(file, "utf8")) as object;
  writeFileSync(file, JSON.stringify({ ...manifest, ...OVERRIDES.npm }));
  const words = ["--no-audit", "--no-fund", "--ignore-scripts"];
  await project.command(["npm", "install", ...words]);
  expect(installedAsSsh2(project.folder)).toEqual(["ssh2"]);
  await project.command(["npm", "update", ...words]);
  expect(installedAsSsh2(project.folder)).toEqual(["@nacre/ssh2"]);
});

test("an override of @types/ssh2 replaces a package's own copy", async () => {
  const line = /`("@types\/ssh2": "[^"]+")`/.exec(README)?.[1];
  const overrides = { ...OVERRIDES.npm.overrides, ...(JSON.parse(`{${line}}`) as object) };
  const project = await makeProject("npm", registry.url, { "ssh-remote-port-forward": "1.0.4" }, { overrides });
  onTestFinished(() => removeProject(project));
  const found = readdirSync(join(project.folder, "node_modules"), { recursive: true, encoding: "utf8" }).filter(
    (path) => path.endsWith("@types/ssh2/package.json"),
  );
  expect(found.length).toBeGreaterThan(0);
  for (const path of found)
    expect(JSON.parse(readFileSync(join(project.folder, "node_modules", path), "utf8"))).toMatchObject({
      version: "1.15.5",
    });
});
