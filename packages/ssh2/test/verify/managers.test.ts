import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type Manager, makeProject, OVERRIDES, type Project, packSsh2, removeProject } from "./project.ts";
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

test("`ssh2@1` leaves a package alone that needs ssh2 0.x", async () => {
  const line = /`("ssh2@1": "npm:[^"]+")`/.exec(README)?.[1];
  const manifest = { overrides: JSON.parse(`{${line}}`) as object };
  const dependencies = { "tunnel-ssh": "5.2.0", "gulp-ssh": "0.7.0" };
  const project = await makeProject("npm", registry.url, dependencies, manifest);
  onTestFinished(() => removeProject(project));
  const folders = [
    "node_modules/ssh2",
    "node_modules/gulp-ssh/node_modules/ssh2",
    "node_modules/tunnel-ssh/node_modules/ssh2",
  ];
  const names = folders
    .filter((folder) => existsSync(join(project.folder, folder)))
    .map((folder) => nameOf(project, folder));
  expect(new Set(names)).toEqual(new Set(["@nacre/ssh2", "ssh2"]));
});
