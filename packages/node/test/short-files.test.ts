import { execFileSync } from "node:child_process";
import { lstat, mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { ShortFileAttributes } from "@nacre/files";
import type { SshError } from "@nacre/wire";
import { afterEach, expect, it, vi } from "vitest";
import { nodeFiles } from "../src/disk/local-files.ts";
import { temporaryFolder } from "./support.ts";

const readShort = (path: string, size: number, follow: boolean): Uint8Array | undefined =>
  nodeFiles.readShort!(path, size, follow);
const createShort = (path: string, bytes: Uint8Array, attributes: ShortFileAttributes): boolean =>
  nodeFiles.createShort!(path, bytes, attributes);
const PLAIN = { mode: undefined, exact: undefined };

/** Time that the functions see, in milliseconds. */
let now = 1e9;
/** Time that each call takes. */
let duration = 0;
vi.spyOn(performance, "now").mockImplementation(() => {
  now += duration;
  return now;
});

afterEach(() => {
  duration = 0;
  now += 1e6;
});

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as SshError).code;
  }
}

it("reads a regular file of the stated size, and no other", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "f");
  await writeFile(path, "four");
  expect(Buffer.from(readShort(path, 4, false)!).toString()).toBe("four");
  expect(readShort(path, 3, false)).toBeUndefined();
  expect(readShort(path, 5, false)).toBeUndefined();
  await writeFile(path, "");
  expect(readShort(path, 0, false)).toHaveLength(0);
});

it("gives each file memory of its own", async () => {
  const folder = await temporaryFolder();
  const names = ["a", "b", "c"];
  for (const name of names) await writeFile(join(folder, name), name.repeat(30_000));
  // More than the memory that is allocated at once.
  const contents = Array.from({ length: 4 }, () => names.map((name) => readShort(join(folder, name), 30_000, false)!));
  for (const round of contents)
    expect(round.map((bytes) => Buffer.from(bytes).toString())).toEqual(names.map((name) => name.repeat(30_000)));
});

it("reads only regular files, and links only if told to", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "f"), "four");
  await symlink("f", join(folder, "l"));
  execFileSync("mkfifo", [join(folder, "p")]);
  for (const name of ["l", "p", "none", "."])
    expect(codeOf(() => readShort(join(folder, name), 4, false))).toBe("file-unreadable");
  expect(readShort(join(folder, "l"), 4, true)).toHaveLength(4);
});

it("creates a file with contents, mode and times, but not in place of another one or through a link", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "f");
  const exact = { mode: 0o640, times: { atimeMs: 1_000_000, mtimeMs: 2_000_000 } };
  expect(createShort(path, Buffer.from("hello"), { mode: 0o600, exact })).toBe(true);
  expect(await readFile(path, "utf8")).toBe("hello");
  const { mode, mtimeMs } = await stat(path);
  expect([mode & 0o7777, mtimeMs]).toEqual([0o640, 2_000_000]);
  await symlink("elsewhere", join(folder, "l"));
  await mkdir(join(folder, "d"));
  for (const name of ["f", "l", "d"])
    expect(codeOf(() => createShort(join(folder, name), Buffer.from("other"), PLAIN))).toBe("file-unwritable");
  expect(await readFile(path, "utf8")).toBe("hello");
  expect(codeOf(() => readShort(join(folder, "elsewhere"), 5, true))).toBe("file-unreadable");
});

it("makes no synchronous call if the turn has no time left or the disk is slow", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "f");
  await writeFile(path, "four");
  await setImmediate();
  duration = 4;
  expect(readShort(path, 4, false)).toHaveLength(4);
  duration = 0;
  expect(readShort(path, 4, false)).toBeUndefined();
  await setImmediate();
  duration = 11;
  expect(readShort(path, 4, false)).toHaveLength(4);
  duration = 0;
  await setImmediate();
  expect(readShort(path, 4, false)).toBeUndefined();
  expect(createShort(join(folder, "g"), Buffer.from("other"), PLAIN)).toBe(false);
  expect((await nodeFiles.lstat(path)).size).toBe(4);
  await nodeFiles.rename(path, join(folder, "h"));
  expect((await lstat(join(folder, "h"))).size).toBe(4);
  // The slow call took 11 ms, so 220 ms pass.
  now += 219;
  expect(readShort(join(folder, "h"), 4, false)).toBeUndefined();
  now += 1;
  expect(readShort(join(folder, "h"), 4, false)).toHaveLength(4);
});
