import { execFileSync } from "node:child_process";
import { mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { nodeFiles } from "../src/near-files.ts";
import { codeOf, temporaryFolder } from "./support.ts";

it("lists every type of file with its attributes", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "f"), "four", { mode: 0o640 });
  await mkdir(join(folder, "d"));
  await symlink("f", join(folder, "l"));
  execFileSync("mkfifo", [join(folder, "p")]);
  const found: Record<string, unknown> = {};
  for await (const { name, type, size } of nodeFiles.list(folder)) found[name] = [type, type === "file" ? size : 0];
  expect(found).toEqual({ d: ["directory", 0], f: ["file", 4], l: ["link", 0], p: ["special", 0] });
});

it("opens only regular files, and links only if told to", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "f"), "four");
  await symlink("f", join(folder, "l"));
  execFileSync("mkfifo", [join(folder, "p")]);
  for (const name of ["l", "p", "none", "."])
    expect(await codeOf(nodeFiles.open(join(folder, name), false))).toBe("file-unreadable");
  const file = await nodeFiles.open(join(folder, "l"), true);
  const buffer = new Uint8Array(10);
  expect(await file.read(buffer, 1)).toBe(3);
  expect(Buffer.from(buffer.subarray(0, 3)).toString()).toBe("our");
  await file.close();
});

it("writes a new file with mode and times", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "f");
  const file = await nodeFiles.create(path, 0o600);
  await file.write(Buffer.from("world"), 6);
  await file.write(Buffer.from("hello "), 0);
  await file.setAttributes({ mode: 0o640, times: { atimeMs: 1_000_000, mtimeMs: 2_000_000 } });
  await file.close();
  expect(await readFile(path, "utf8")).toBe("hello world");
  const { mode, mtimeMs } = await stat(path);
  expect([mode & 0o7777, mtimeMs]).toEqual([0o640, 2_000_000]);
});

it("sets attributes of a directory, but not through a link", async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "d"));
  await symlink("d", join(folder, "l"));
  await nodeFiles.setAttributes(join(folder, "d"), { mode: 0o700, times: { atimeMs: 0, mtimeMs: 3_000_000 } });
  expect(await codeOf(nodeFiles.setAttributes(join(folder, "l"), { mode: 0o777 }))).toBe("file-unwritable");
  const { mode, mtimeMs } = await stat(join(folder, "d"));
  expect([mode & 0o777, mtimeMs]).toEqual([0o700, 3_000_000]);
});

it("makes, renames and removes directories, files and links", async () => {
  const folder = await temporaryFolder();
  const path = (name: string): string => join(folder, name);
  expect(await nodeFiles.makeDirectory(path("d"), 0o700)).toBe(true);
  expect((await stat(path("d"))).mode & 0o777).toBe(0o700);
  expect(await nodeFiles.makeDirectory(path("d"), undefined)).toBe(false);
  expect(await codeOf(nodeFiles.makeDirectory(path("none/d"), undefined))).toBe("file-unwritable");
  await nodeFiles.symlink("d", path("l"));
  expect(await nodeFiles.makeDirectory(path("l"), undefined)).toBe(false);
  expect(await nodeFiles.readlink(path("l"))).toBe("d");
  expect(await nodeFiles.realpath(path("l"))).toBe(await nodeFiles.realpath(path("d")));
  expect([(await nodeFiles.stat(path("l"))).type, (await nodeFiles.lstat(path("l"))).type]).toEqual([
    "directory",
    "link",
  ]);
  expect(await codeOf(nodeFiles.symlink("d", path("l")))).toBe("file-unwritable");
  await nodeFiles.rename(path("l"), path("m"));
  expect(await codeOf(nodeFiles.rename(path("m"), path("d")))).toBe("file-unwritable");
  await nodeFiles.remove(path("m"));
  await nodeFiles.remove(path("m"));
  expect(await codeOf(nodeFiles.lstat(path("m")))).toBe("file-unreadable");
  expect(await codeOf(nodeFiles.remove(path("d")))).toBe("file-unwritable");
});
