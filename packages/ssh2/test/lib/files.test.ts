import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { compileFunction } from "node:vm";
import { expect, test } from "vitest";
import * as entry from "../../src/index.ts";
import { internal } from "../../src/internal.ts";

const require = createRequire(import.meta.url);
const folder = new URL("../../lib/", import.meta.url);
const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => name.endsWith(".js"))
  .sort();
/** Files of ssh2 whose place an error takes. */
const REPLACED = ["protocol/Protocol.js", "protocol/crypto.js", "protocol/kex.js"];
/** Names that ssh2 exports without a value. */
const EMPTY = ["DISCONNECT_REASON_STR"];

/** Runs a file of `lib` over the sources. It finds the bundle only in a built package. */
function load(file: string): unknown {
  const bundle = Object.defineProperty({ ...entry }, Symbol.for("nacre.ssh2.internal"), { value: internal });
  const module = { exports: {} as unknown };
  const path = `${"../".repeat(file.split("/").length)}dist/ssh2.cjs`;
  const requireBundle = (name: string): unknown => {
    if (name !== path) throw new Error(`${file} requires ${name}`);
    return bundle;
  };
  const run = compileFunction(readFileSync(new URL(file, folder), "utf8"), ["require", "module"]) as (
    require: (name: string) => unknown,
    module: object,
  ) => void;
  run(requireBundle, module);
  return module.exports;
}

test.each(files.filter((file) => !REPLACED.includes(file)))(
  "lib/%s exports names of ssh2's file, each with a value",
  (file) => {
    const loaded = load(file);
    const theirs = require(`ssh2/lib/${file}`) as Readonly<Record<string, unknown>>;
    expect(typeof loaded).toBe(typeof theirs);
    const names = Object.keys(loaded as object);
    if (typeof theirs === "object") expect(names).not.toEqual([]);
    for (const name of names) {
      expect(name in theirs, name).toBe(true);
      if (!EMPTY.includes(name)) expect((loaded as Readonly<Record<string, unknown>>)[name], name).toBeDefined();
    }
  },
);

test("lib/protocol/constants exports all that the sources have for it", () => {
  expect(Object.keys(load("protocol/constants.js") as object).sort()).toEqual(
    Object.keys(internal["constants"] as object).sort(),
  );
});
