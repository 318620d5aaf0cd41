import { execFileSync } from "node:child_process";
import { mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { LocalAttributes } from "@nacre/files";
import type { SshError } from "@nacre/wire";
import { afterEach, expect, it, vi } from "vitest";
import { nodeFiles } from "../src/disk/local-files.ts";
import { temporaryFolder } from "./support.ts";

/** Calls in the thread pool that open files, and that set attributes. */
const pooled = vi.hoisted(() => ({ opens: 0, sets: 0 }));

vi.mock(import("node:fs"), async (importOriginal) => {
  const fs = await importOriginal();
  const open = (...given: Parameters<typeof fs.open>): void => {
    pooled.opens++;
    fs.open(...given);
  };
  const futimes = (...given: Parameters<typeof fs.futimes>): void => {
    pooled.sets++;
    fs.futimes(...given);
  };
  const fchmod = (...given: Parameters<typeof fs.fchmod>): void => {
    pooled.sets++;
    fs.fchmod(...given);
  };
  return { ...fs, open, futimes, fchmod } as typeof fs;
});

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

async function read(path: string, follow: boolean): Promise<string> {
  const file = await nodeFiles.open(path, follow);
  const buffer = Buffer.alloc(100);
  const count = await file.read(buffer, 0);
  await file.close();
  return buffer.subarray(0, count).toString();
}

async function create(path: string, text: string, mode?: number, exact?: LocalAttributes): Promise<void> {
  const file = await nodeFiles.create(path, mode);
  await file.write([Buffer.from(text)], 0);
  if (exact !== undefined) await file.setAttributes(exact);
  await file.close();
}

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: SshError) => error.code,
  );

it("reads only regular files, and links only if told to", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "f"), "four");
  await symlink("f", join(folder, "l"));
  execFileSync("mkfifo", [join(folder, "p")]);
  for (const name of ["l", "p", "none", "."])
    expect(await codeOf(nodeFiles.open(join(folder, name), false))).toBe("file-unreadable");
  expect(await read(join(folder, "l"), true)).toBe("four");
});

it("creates a file with contents, mode and times, but not in place of another one or through a link", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "f");
  const exact = { mode: 0o640, times: { atimeMs: 1_000_000, mtimeMs: 2_000_000 } };
  await create(path, "hello", 0o600, exact);
  expect(await readFile(path, "utf8")).toBe("hello");
  const { mode, mtimeMs } = await stat(path);
  expect([mode & 0o7777, mtimeMs]).toEqual([0o640, 2_000_000]);
  await symlink("elsewhere", join(folder, "l"));
  await mkdir(join(folder, "d"));
  for (const name of ["f", "l", "d"])
    expect(await codeOf(nodeFiles.create(join(folder, name), undefined))).toBe("file-unwritable");
  expect(await readFile(path, "utf8")).toBe("hello");
  expect(await codeOf(nodeFiles.open(join(folder, "elsewhere"), true))).toBe("file-unreadable");
});

it("sets the mode without times, and times without the mode, at once and in the thread pool", async () => {
  const path = join(await temporaryFolder(), "f");
  const file = await nodeFiles.create(path, 0o600);
  const set = async (attributes: LocalAttributes): Promise<unknown> => {
    await file.setAttributes(attributes);
    const { mode, atimeMs, mtimeMs } = await stat(path);
    return [mode & 0o7777, atimeMs, mtimeMs];
  };
  await file.setAttributes({ times: { atimeMs: 1000, mtimeMs: 2000 } });
  for (const isSlow of [false, true]) {
    await someTurns();
    if (isSlow) {
      duration = 11;
      await nodeFiles.lstat(path);
      duration = 0;
    }
    const before = pooled.sets;
    expect(await set({ mode: 0o640 })).toEqual([0o640, 1000, 2000]);
    expect(await set({ times: { atimeMs: 3000, mtimeMs: 4000 } })).toEqual([0o640, 3000, 4000]);
    expect(await set({ mode: 0o600, times: { atimeMs: 1000, mtimeMs: 2000 } })).toEqual([0o600, 1000, 2000]);
    expect(pooled.sets - before).toBe(isSlow ? 4 : 0);
  }
  await file.close();
  await expect(file.setAttributes({ mode: 0o600 })).rejects.toMatchObject({ code: "file-unwritable" });
});

/** Waits until the time that calls took is paid back. Bun sometimes completes several calls of the thread pool in one turn. */
async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await setImmediate();
}

it("makes calls in the thread pool if the turn has no time left or the disk is slow", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "f");
  await writeFile(path, "four");
  /** Opens the file, and returns the number of calls in the thread pool so far. */
  const opens = async (): Promise<number> => {
    await codeOf(nodeFiles.create(path, undefined));
    return pooled.opens;
  };
  await someTurns();
  duration = 4;
  expect(await opens()).toBe(0);
  duration = 0;
  expect(await opens()).toBe(1);
  await someTurns();
  duration = 11;
  expect(await opens()).toBe(1);
  duration = 0;
  await someTurns();
  expect(await opens()).toBe(2);
  expect((await nodeFiles.lstat(path)).size).toBe(4);
  await nodeFiles.rename(path, join(folder, "g"));
  await nodeFiles.rename(join(folder, "g"), path);
  expect(await read(path, false)).toBe("four");
  expect(pooled.opens).toBe(3);
  // The slow call took 11 ms, so 220 ms pass.
  now += 219;
  expect(await opens()).toBe(4);
  await someTurns();
  now += 1;
  expect(await opens()).toBe(4);
});
