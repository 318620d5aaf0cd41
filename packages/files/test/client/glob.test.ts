import { code, failure } from "@nacre/testing/nacre/outcomes";
import { describe, expect, it } from "vitest";
import { expandBraces, matchesName } from "../../src/remote/glob.ts";
import { openMemorySftp } from "./support.ts";

async function all(paths: AsyncIterable<string>): Promise<string[]> {
  const list: string[] = [];
  for await (const path of paths) list.push(path);
  return list;
}

async function tree(): Promise<Awaited<ReturnType<typeof openMemorySftp>>["sftp"]> {
  const { sftp } = await openMemorySftp();
  for (const path of ["src/a/deep", "src/.git"]) await sftp.mkdir(path, { recursive: true });
  for (const path of ["src/1.ts", "src/2.js", "src/a/3.ts", "src/a/deep/4.ts", "src/.git/5.ts", "top.ts"])
    await sftp.writeFile(path, "");
  await sftp.symlink("src", "link");
  return sftp;
}

describe("a name", () => {
  it.each([
    ["*", "a", true],
    ["*", ".a", false],
    [".*", ".a", true],
    ["*.ts", "a.ts", true],
    ["*.ts", "a.tsx", false],
    ["a*b*c", "aXbXbc", true],
    ["a*b*c", "aXc", false],
    ["?", "ü", true],
    ["?", "😀", true],
    ["?", "", false],
    ["[a-cx]", "b", true],
    ["[a-cx]", "x", true],
    ["[a-cx]", "d", false],
    ["[!a-c]", "d", true],
    ["[!a-c]", "b", false],
    ["[^a]", "a", false],
    ["[]a]", "]", true],
    ["[a-]", "-", true],
    ["[a", "[a", true],
    ["\\*", "*", true],
    ["\\*", "a", false],
    ["a\\", "a\\", true],
  ])("pattern %s and name %s: %s", (pattern, name, matches) => {
    expect(matchesName(pattern, name)).toBe(matches);
  });

  it("is compared in time proportional to its length, not exponential in the number of stars", () => {
    expect(matchesName(`${"a*".repeat(60)}b`, "a".repeat(4000))).toBe(false);
  });
});

describe("braces", () => {
  it.each([
    ["a", ["a"]],
    ["{a,b}c", ["ac", "bc"]],
    ["x{1,{2,3}}", ["x1", "x2", "x3"]],
    ["{a}", ["{a}"]],
    ["{a,", ["{a,"]],
    ["\\{a,b}", ["\\{a,b}"]],
    ["{}{a,}", ["{}a", "{}"]],
  ])("%s stands for %j", (pattern, patterns) => {
    expect(expandBraces(pattern)).toEqual(patterns);
  });

  it("are limited", () => {
    expect(() => expandBraces("{a,b}".repeat(20))).toThrow(/1024/);
  });
});

describe("glob", () => {
  it.each([
    ["*.ts", ["top.ts"]],
    ["src/*.{ts,js}", ["src/1.ts", "src/2.js"]],
    ["src/**/*.ts", ["src/1.ts", "src/a/3.ts", "src/a/deep/4.ts"]],
    ["src/a/**", ["src/a", "src/a/3.ts", "src/a/deep", "src/a/deep/4.ts"]],
    ["**/deep", ["src/a/deep"]],
    ["link/*.ts", ["link/1.ts"]],
    ["li*/*.ts", ["link/1.ts"]],
    ["/home/top.ts", ["/home/top.ts"]],
    ["/home/*.ts", ["/home/top.ts"]],
    ["missing", []],
    ["top.ts/*", []],
    ["src/.git/*", ["src/.git/5.ts"]],
    ["**/**/**/4.ts", ["src/a/deep/4.ts"]],
  ])("%s", async (pattern, paths) => {
    const sftp = await tree();
    expect((await all(sftp.glob(pattern))).sort()).toEqual(paths);
  });

  it("is relative to `cwd`", async () => {
    const sftp = await tree();
    expect(await all(sftp.glob("*/*.ts", { cwd: "src" }))).toEqual(["a/3.ts"]);
  });

  it("fails with `aborted`", async () => {
    const sftp = await tree();
    const glob = sftp.glob("**", { signal: AbortSignal.abort() });
    expect(await failure(glob.next())).toEqual(code("aborted"));
  });
});
