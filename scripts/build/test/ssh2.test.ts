import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { builtinModules, createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "acorn";
import { afterAll, expect, test } from "vitest";
import { bundleSsh2 } from "../ssh2.ts";

const { files, inputs } = await bundleSsh2();
const [[path, text]] = [...files] as [[string, string]];
const folder = mkdtempSync(join(tmpdir(), "nacre-ssh2-"));
afterAll(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, "dist"));
writeFileSync(join(folder, "dist/ssh2.cjs"), text);
cpSync("packages/ssh2/lib", join(folder, "lib"), { recursive: true });
const load = createRequire(join(folder, "program.cjs"));
const stubs = ["protocol/Protocol", "protocol/kex", "protocol/crypto"];
const inner = readdirSync(join(folder, "lib"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".js"))
  .map((name) => name.slice(0, -3));

test("is one file that requires modules of Node only", () => {
  expect(path).toBe("packages/ssh2/dist/ssh2.cjs");
  expect(files.size).toBe(1);
  const external = Object.values(inputs).flatMap(({ imports }) => imports.filter((one) => one.external === true));
  // esbuild leaves out the functions with an import() that is not used.
  const used = external.map((one) => one.path).filter((name) => !name.startsWith("unused:"));
  const required = [...new Set(used.map((name) => name.replace(/^node:/, "")))];
  expect(required).toContain("crypto");
  expect(required.filter((name) => !builtinModules.includes(name))).toEqual([]);
});

test("has no import(), no top-level await and no `import.meta`", () => {
  expect(text.includes("createECDH")).toBe(true);
  expect(text.match(/\bimport\s*\(|\bimport\.meta\b/g)).toBeNull();
  expect(() => parse(text, { ecmaVersion: 2022, sourceType: "script" })).not.toThrow();
});

test("has characters of ASCII only, for which V8 keeps one byte each", () => {
  expect(/[^\0-\x7F]/.exec(text)).toBeNull();
});

test("keeps the licenses of what it contains", () => {
  for (const name of ["curves", "hashes", "ciphers", "post-quantum"])
    expect(text).toContain(`noble-${name} - MIT License`);
});

test("loads noble when it is used", () => {
  const loaded = new Set(["packages/ssh2/src/bundle.js"]);
  for (const module of loaded)
    for (const { path: imported, kind, external } of inputs[module]!.imports)
      if (kind === "import-statement" && external !== true) loaded.add(imported);
  expect([...loaded]).toContain("packages/ssh2/src/index.ts");
  expect([...loaded].some((module) => module.includes("packages/transport/src/transport.ts"))).toBe(true);
  expect([...loaded].filter((module) => /^node_modules\/.*@noble\//.test(module))).toEqual([]);
  expect(Object.keys(inputs).some((module) => /^node_modules\/.*@noble\//.test(module))).toBe(true);
  expect(Object.keys(inputs)).toContain("scripts/build/sha3.ts");
});

test("gives `import` and `require` the same values, without `__esModule`", () => {
  const program = `
import * as all from "./dist/ssh2.cjs";
import ssh2, { Client, utils } from "./dist/ssh2.cjs";
import { createRequire } from "node:module";
const required = createRequire(import.meta.url)("./dist/ssh2.cjs");
console.log(JSON.stringify({
  same: ssh2 === required && Client === required.Client && utils === required.utils && all.Server === required.Server,
  names: Object.keys(all).sort(),
  marked: "__esModule" in required,
  classes: Object.entries(required).filter(([, value]) => typeof value === "function").every(([name, value]) => value.name === name),
}));`;
  writeFileSync(join(folder, "program.mjs"), program);
  const { stdout, stderr } = spawnSync(process.execPath, [join(folder, "program.mjs")], { encoding: "utf8" });
  expect(stderr).toBe("");
  const names = "AgentProtocol BaseAgent Client CygwinAgent HTTPAgent HTTPSAgent OpenSSHAgent PageantAgent Server";
  expect(JSON.parse(stdout)).toEqual({
    same: true,
    names: [...names.split(" "), "createAgent", "default", "utils"],
    marked: false,
    classes: true,
  });
});

test("has the inner files that programs require, with all of their names", async () => {
  const files = "Channel agent client http-agents index keygen server utils";
  const protocol = "SFTP constants crypto kex keyParser Protocol utils";
  const expected = [...files.split(" "), ...protocol.split(" ").map((name) => `protocol/${name}`)];
  expect(inner.toSorted()).toEqual(expected.toSorted());
  const entry = load("./dist/ssh2.cjs") as Readonly<Record<string, unknown>>;
  expect(load("./lib/index")).toBe(entry);
  expect([load("./lib/client"), load("./lib/server.js")]).toEqual([entry["Client"], entry["Server"]]);
  for (const name of inner.filter((one) => !stubs.includes(one))) {
    const required = load(`./lib/${name}.js`) as Readonly<Record<string, unknown>>;
    expect(load(`./lib/${name}`)).toBe(required);
    if (typeof required === "function") continue;
    const imported = (await import(join(folder, "lib", `${name}.js`))) as object;
    for (const [member, value] of Object.entries(required)) {
      // ssh2 exports this name without a value.
      if (member !== "DISCONNECT_REASON_STR") expect(value, `${name}: ${member}`).toBeDefined();
      expect(imported).toHaveProperty(member);
    }
  }
});

test.each(stubs)("has no lib/%s, and names the public way", (name) => {
  let thrown: unknown;
  try {
    load(`./lib/${name}`);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({
    code: "MODULE_NOT_FOUND",
    message: expect.stringMatching(/does not exist in @nacre\/ssh2; (?:set|use) /),
  });
});

test("tells the truth in the lists of algorithms", () => {
  const lists = load("./lib/protocol/constants") as Readonly<Record<string, readonly string[]>>;
  expect(lists["DEFAULT_KEX"]![0]).toBe("mlkem768x25519-sha256");
  expect(lists["SUPPORTED_KEX"]).toEqual(expect.arrayContaining([...lists["DEFAULT_KEX"]!]));
  expect([...lists["DEFAULT_MAC"]!, ...lists["DEFAULT_KEX"]!].filter((name) => name.includes("sha1"))).toEqual([]);
});
