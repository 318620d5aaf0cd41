import { lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LocalFiles } from "@nacre/files";
import { SshError } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { nodeFiles } from "../../src/disk/local-files.ts";
import { windowsFiles } from "../../src/windows/files.ts";
import { type HeldClock, whileHeld } from "../../src/windows/held-files.ts";
import { temporaryFolder } from "../support.ts";

/** A clock that moves only while somebody sleeps. */
function fakeClock(): HeldClock & { readonly time: () => number } {
  let time = 0;
  return {
    time: () => time,
    now: () => time,
    sleep: async (milliseconds) => {
      time += milliseconds;
    },
  };
}

const refused = (code = "EPERM"): SshError =>
  new SshError("file-unwritable", "cannot write C:\\f: operation not permitted", {
    cause: Object.assign(new Error("operation not permitted"), { code }),
  });

/** Returns a function that fails `count` times. */
function failing(count: number, code?: string): () => Promise<void> {
  let left = count;
  return async () => {
    if (left-- > 0) throw refused(code);
  };
}

const unprepared = (): Promise<never> => Promise.reject(new Error("not this one"));

/** Replaces a file, which fails once. Resolves with whether a read-only file may be written then. */
async function isWritableAfter(path: string, target: string): Promise<boolean> {
  await writeFile(path, "text", { mode: 0o444 });
  const files = windowsFiles({ ...nodeFiles, rename: failing(1) }, fakeClock());
  await files.rename("/none/a", target);
  return ((await stat(path)).mode & 0o200) !== 0;
}

describe("attributes on Windows", () => {
  test("have no permission bits, which an upload would give to its copies", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "f"), "text", { mode: 0o666 });
    const files = windowsFiles(nodeFiles);
    const path = join(folder, "f");
    const entries = [];
    for await (const entry of files.list(folder)) entries.push(entry);
    for (const stats of [await files.stat(path), await files.lstat(path), await files.stat(folder), ...entries])
      expect(stats).toMatchObject({ mode: undefined, mtimeMs: expect.any(Number) });
    expect(entries).toMatchObject([{ name: "f", type: "file", size: 4 }]);
  });

  test("of new files are their times alone, so that none becomes read-only", async () => {
    const folder = await temporaryFolder();
    const files = windowsFiles(nodeFiles);
    const path = join(folder, "f");
    const file = await files.create(path, 0o400);
    await file.write([Buffer.from("text")], 0);
    await file.setAttributes({ mode: 0o400, times: { atimeMs: 0, mtimeMs: 3_000_000 } });
    await file.close();
    await files.makeDirectory(join(folder, "d"), 0o500);
    await files.setAttributes(join(folder, "d"), { mode: 0o500, times: { atimeMs: 0, mtimeMs: 3_000_000 } });
    for (const name of ["f", "d"]) {
      const { mode, mtimeMs } = await stat(join(folder, name));
      expect([mode & 0o200, mtimeMs]).toEqual([0o200, 3_000_000]);
    }
    const part = await files.openPartial!(path);
    await part!.setAttributes({ mode: 0o400 });
    expect(part!.size).toBe(4);
    await part!.close();
    expect((await stat(path)).mode & 0o200).toBe(0o200);
  });
});

describe("a file that another program has open", () => {
  test.each(["EPERM", "EACCES", "EBUSY"])("is replaced once the program closes it: %s", async (code) => {
    const clock = fakeClock();
    const files = windowsFiles({ ...nodeFiles, rename: failing(8, code), remove: failing(8, code) }, clock);
    await files.rename("/none/a", "/none/b");
    await files.remove("/none/a");
    expect(clock.time()).toBeGreaterThan(0);
  });

  test("fails after a second, and the message says why", async () => {
    const clock = fakeClock();
    const files = windowsFiles({ ...nodeFiles, rename: failing(1000) }, clock);
    await expect(files.rename("/none/a", "/none/b")).rejects.toMatchObject({
      code: "file-unwritable",
      message:
        "cannot write C:\\f: operation not permitted; another program may have it open, or you may not write there",
    });
    expect(clock.time()).toBe(1000);
  });

  test("is not waited for after another error", async () => {
    const clock = fakeClock();
    const files = windowsFiles({ ...nodeFiles, rename: failing(1, "ENOSPC") }, clock);
    await expect(files.rename("/none/a", "/none/b")).rejects.toMatchObject({ message: refused().message });
    expect(clock.time()).toBe(0);
  });

  test("may have the read-only attribute, which is cleared", async () => {
    const path = join(await temporaryFolder(), "f");
    expect(await isWritableAfter(path, path)).toBe(true);
  });

  test("keeps the read-only attribute if only a link to it is replaced", async () => {
    const folder = await temporaryFolder();
    await symlink("f", join(folder, "l"));
    expect(await isWritableAfter(join(folder, "f"), join(folder, "l"))).toBe(false);
  });

  test("is tried again if the attribute cannot be cleared, and the error is that of the last attempt", async () => {
    let attempts = 0;
    const work = async (): Promise<number> => {
      attempts++;
      if (attempts === 1) throw refused();
      return attempts;
    };
    expect(await whileHeld(work, unprepared, fakeClock())).toBe(2);
    await expect(whileHeld(failing(1000), unprepared, fakeClock())).rejects.toThrow("operation not permitted");
  });
});

describe("links on Windows", () => {
  test("have slashes in the copy, and backslashes here", async () => {
    const made: string[] = [];
    const files = windowsFiles({
      ...nodeFiles,
      readlink: async () => "..\\a\\b",
      symlink: async (target) => void made.push(target),
    });
    expect(await files.readlink("l")).toBe("../a/b");
    await files.symlink("../a/b", "l");
    expect(made).toEqual(["..\\a\\b"]);
  });

  test("need a right, which the error names", async () => {
    const files = windowsFiles({ ...nodeFiles, symlink: failing(1) });
    await expect(files.symlink("a", "l")).rejects.toThrow("Developer Mode");
  });
});

test("everything else is as on other systems", async () => {
  const folder = await temporaryFolder();
  const files: LocalFiles = windowsFiles(nodeFiles);
  expect(files.nameRules).toBe("windows");
  await mkdir(join(folder, "d"));
  const file = await files.create(join(folder, "a"), undefined);
  await file.write([Buffer.from("text")], 0);
  await file.close();
  await files.rename(join(folder, "a"), join(folder, "b"));
  expect(await readFile(join(folder, "b"), "utf8")).toBe("text");
  await files.remove(join(folder, "b"));
  await files.removeDirectory!(join(folder, "d"));
  expect(await readdir(folder)).toEqual([]);
  await expect(lstat(join(folder, "b"))).rejects.toMatchObject({ code: "ENOENT" });
});
