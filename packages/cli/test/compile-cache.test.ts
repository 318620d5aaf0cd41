import { chmodSync, lstatSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { privateFolder } from "../src/compile-cache.ts";

let home: string;
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "nacre-cache-")));
  onTestFinished(() => rmSync(home, { recursive: true }));
});

test("the folder of the compile cache is made for this user alone", () => {
  const path = join(home, ".cache", "nacre", "compiled");
  expect(privateFolder(path)).toBe(path);
  expect(lstatSync(path).mode & 0o777).toBe(0o700);
  expect(privateFolder(path)).toBe(path);
});

test("does not keep compiled code in a folder that another user owns or can open", () => {
  const path = join(home, "compiled");
  mkdirSync(path);
  for (const mode of [0o750, 0o720, 0o705, 0o702, 0o777, 0o1777]) {
    chmodSync(path, mode);
    expect(privateFolder(path)).toBeUndefined();
  }
  chmodSync(path, 0o700);
  expect(privateFolder(path)).toBe(path);
  vi.spyOn(process, "getuid").mockReturnValue(process.getuid!() + 1);
  onTestFinished(() => void vi.restoreAllMocks());
  expect(privateFolder(path)).toBeUndefined();
});

test("does not keep compiled code in a folder that another user could replace", () => {
  const path = join(home, "compiled");
  expect(privateFolder(path)).toBe(path);
  for (const mode of [0o770, 0o707, 0o777]) {
    chmodSync(home, mode);
    expect(privateFolder(path)).toBeUndefined();
    // The sticky bit keeps others from renaming it.
    chmodSync(home, mode | 0o1000);
    expect(privateFolder(path)).toBe(path);
  }
  // A link leads to a folder that another user could replace.
  const open = join(home, "open");
  mkdirSync(join(open, "compiled"), { recursive: true, mode: 0o700 });
  chmodSync(open, 0o777);
  symlinkSync(join(open, "compiled"), join(home, "link"));
  expect(privateFolder(join(home, "link"))).toBeUndefined();
});

test("without user ids, as on Windows, there is no compile cache", () => {
  const { getuid } = process;
  Object.assign(process, { getuid: undefined });
  onTestFinished(() => void Object.assign(process, { getuid }));
  expect(privateFolder(join(home, "compiled"))).toBeUndefined();
});
