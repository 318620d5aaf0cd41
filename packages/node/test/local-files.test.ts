import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmod, link, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Worker } from "node:worker_threads";
import { decodePath, download, type Sftp, sftp } from "@nacre/files";
import { MemorySftp } from "@nacre/testing/nacre/memory-sftp";
import { expect, it, onTestFinished } from "vitest";
import { nodeFiles } from "../src/disk/local-files.ts";
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

it("keeps names of local files that are not UTF-8", async () => {
  const folder = await temporaryFolder();
  const name = decodePath(Uint8Array.of(0x66, 0xff, 0x80));
  const path = nodeFiles.join(folder, name);
  const file = await nodeFiles.create(path, undefined);
  await file.write([Buffer.from("four")], 0);
  await file.close();
  expect(await readdir(folder, { encoding: "buffer" })).toEqual([Buffer.of(0x66, 0xff, 0x80)]);
  const names: string[] = [];
  for await (const entry of nodeFiles.list(folder)) names.push(entry.name);
  expect(names).toEqual([name]);
  expect((await nodeFiles.stat(path)).size).toBe(4);
  await nodeFiles.symlink(name, join(folder, "l"));
  expect(await nodeFiles.readlink(join(folder, "l"))).toBe(name);
  expect(basename(await nodeFiles.realpath(join(folder, "l")))).toBe(name);
});

it("lists a directory of many entries, each once", async () => {
  const folder = await temporaryFolder();
  const names = Array.from({ length: 130 }, (_, index) => `file-${index}`);
  for (const name of names) await writeFile(join(folder, name), "");
  const listed: string[] = [];
  for await (const { name } of nodeFiles.list(folder)) listed.push(name);
  expect(listed.toSorted()).toEqual(names.toSorted());
});

it("leaves out entries that are removed while it lists, and lists all others", async () => {
  const folder = await temporaryFolder();
  const names = Array.from({ length: 200 }, (_, index) => `file-${index}`);
  for (const name of names) await writeFile(join(folder, name), "");
  const read = await readdir(folder);
  const listed: string[] = [];
  for await (const { name } of nodeFiles.list(folder)) {
    if (listed.length === 0) await rm(join(folder, read[100]!));
    listed.push(name);
  }
  expect(listed).toEqual(read.filter((name) => name !== read[100]));
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
  await file.write([Buffer.from("world")], 6);
  await file.write([Buffer.from("hello "), new Uint8Array(0)], 0);
  await file.setAttributes({ mode: 0o640, times: { atimeMs: 1_000_000, mtimeMs: 2_000_000 } });
  await file.sync!();
  await file.close();
  expect(await codeOf(file.sync!())).toBe("file-unwritable");
  const { mode, atimeMs, mtimeMs } = await stat(path);
  expect([mode & 0o7777, atimeMs, mtimeMs]).toEqual([0o640, 1_000_000, 2_000_000]);
  expect(await readFile(path, "utf8")).toBe("hello world");
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

it("continues a file behind its end", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "part");
  await writeFile(path, "hello ");
  const part = await nodeFiles.openPartial!(path);
  const buffer = new Uint8Array(10);
  expect([part!.size, await part!.read(buffer, 1)]).toEqual([6, 5]);
  await part!.write([Buffer.from("wor"), Buffer.from("ld")], 6);
  await part!.close();
  expect(await readFile(path, "utf8")).toBe("hello world");
});

it("continues no link, pipe, directory or file with two names, and fails if it cannot look", async () => {
  const folder = await temporaryFolder();
  const path = (name: string): string => join(folder, name);
  await writeFile(path("f"), "");
  await symlink("f", path("link"));
  await mkdir(path("d"));
  execFileSync("mkfifo", [path("pipe")]);
  await writeFile(path("one"), "");
  await link(path("one"), path("two"));
  for (const name of ["none", "link", "d", "pipe", "one"])
    expect(await nodeFiles.openPartial!(path(name)), name).toBeUndefined();
  expect(await codeOf(nodeFiles.openPartial!(path("f/below")))).toBe("file-unwritable");
  const part = await nodeFiles.openPartial!(path("f"));
  await part!.close();
});

it("computes SHA-256 of what has come so far", () => {
  const hash = nodeFiles.sha256!();
  hash.update(Buffer.from("a"));
  expect(hash.digest()).toBe("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
  hash.update(Buffer.from("bc"));
  expect(hash.digest()).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

it("removes empty directories, and no links to them", async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "d"));
  await symlink("d", join(folder, "l"));
  expect(await codeOf(nodeFiles.removeDirectory!(join(folder, "l")))).toBe("file-unwritable");
  await writeFile(join(folder, "d", "f"), "");
  expect(await codeOf(nodeFiles.removeDirectory!(join(folder, "d")))).toBe("file-unwritable");
  await nodeFiles.remove(join(folder, "d", "f"));
  await nodeFiles.removeDirectory!(join(folder, "d"));
  expect(await readdir(folder)).toEqual(["l"]);
});

it("says why a file cannot be written by the name that it would have had", async () => {
  const folder = await temporaryFolder();
  const { sftp: client } = await filledServer();
  const to = (path: string) => ({ files: nodeFiles, path: join(folder, path) });
  for (const resume of [false, true])
    await expect(download(client, "f", to("none/f"), { resume })).rejects.toMatchObject({
      code: "file-unwritable",
      message: expect.stringMatching(
        new RegExp(
          `^cannot write ${join(folder, "none", "f").replaceAll("\\", "\\\\")}: no such file or directory; make its directory first$`,
          "i",
        ),
      ) as string,
      cause: { code: "ENOENT" },
    });
  await expect(nodeFiles.lstat(join(folder, "none"))).rejects.toThrow(
    `cannot read ${join(folder, "none")}: no such file or directory`,
  );
  await writeFile(join(folder, "f"), "");
  for (const call of [nodeFiles.lstat(join(folder, "none")), nodeFiles.create(join(folder, "f"), 0o600)])
    expect(await call.then(String, ({ message }: Error) => message)).toMatch(/^cannot (?:read|write) (?!.*make its)/);
});

it("keeps a pipe that is the target of a download, also behind a link", async () => {
  const folder = await temporaryFolder();
  const { sftp: client } = await filledServer();
  execFileSync("mkfifo", [join(folder, "pipe")]);
  await symlink("pipe", join(folder, "link"));
  for (const name of ["pipe", "link"])
    await expect(download(client, "f", { files: nodeFiles, path: join(folder, name) })).rejects.toMatchObject({
      code: "usage",
      message: `download: "${join(folder, name)}" is a device, pipe or socket, which a file would replace; pass a function that takes the contents`,
    });
  expect((await stat(join(folder, "pipe"))).isFIFO()).toBe(true);
  expect((await readdir(folder)).toSorted()).toEqual(["link", "pipe"]);
});

/** Opens SFTP to a server in memory with a file `f`. */
async function filledServer(): Promise<{ readonly sftp: Sftp }> {
  const client = await sftp(new MemorySftp());
  onTestFinished(() => client.close());
  await client.writeFile("f", "contents");
  return { sftp: client };
}

it("reaches a held directory under another name, and shows its path in errors", async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "d"), { mode: 0o300 });
  const held = await nodeFiles.holdDirectory!(join(folder, "d"), false);
  await rename(join(folder, "d"), join(folder, "e"));
  const file = await nodeFiles.create(nodeFiles.join(held.path, "f"), 0o600);
  await file.close();
  await expect(nodeFiles.create(nodeFiles.join(held.path, "f"), 0o600)).rejects.toThrow(
    `cannot write ${folder}/d/f: file already exists`,
  );
  const below = nodeFiles.makeDirectory(nodeFiles.join(held.path, "below"), 0o700);
  expect(await below).toBe(true);
  const deeper = await nodeFiles.holdDirectory!(nodeFiles.join(held.path, "below"), false);
  await expect(nodeFiles.readlink(nodeFiles.join(deeper.path, "f"))).rejects.toThrow(`${folder}/d/below/f`);
  await deeper.close();
  await held.close();
  await chmod(join(folder, "e"), 0o700);
  expect((await readdir(join(folder, "e"))).toSorted()).toEqual(["below", "f"]);
});

it("lets no file out of a download while its directories are swapped for links", async () => {
  const folder = await temporaryFolder();
  const path = (name: string): string => join(folder, name);
  await mkdir(path("other"));
  const server = new MemorySftp();
  server.files.makeDirectory("t");
  for (let d = 0; d < 4; d++) {
    server.files.makeDirectory(`t/d${d}`);
    for (let i = 0; i < 8; i++) server.files.open(`/home/t/d${d}/f${i}`, 0x0a).data = Buffer.from("hostile");
  }
  await using client = await sftp(server);
  // Whether to end, and the number of swaps.
  const state = new Int32Array(new SharedArrayBuffer(8));
  const swapper = new Worker(SWAPPER, { eval: true, workerData: { folder, state } });
  const ended = once(swapper, "exit");
  const options = { recursive: true, preserve: true, delete: true, resume: true, onError: "skip" } as const;
  let moved = 0;
  for (let i = 0; i < 15 || moved <= 20 || Atomics.load(state, 1) <= 20; i++) {
    const to = { files: nodeFiles, path: path("copy") };
    moved += (await download(client, "t", to, options)).files;
  }
  Atomics.store(state, 0, 1);
  await ended;
  expect(await readdir(path("other"))).toEqual([]);
  expect(Atomics.load(state, 1)).toBeGreaterThan(20);
  expect(moved).toBeGreaterThan(20);
}, 60_000);

/** Swaps directories of a download for links to another one. */
const SWAPPER = `
const { workerData } = require("node:worker_threads");
const { renameSync, symlinkSync, unlinkSync } = require("node:fs");
const { folder, state } = workerData;
const attempt = (work) => { try { work(); return true; } catch { return false; } };
const swap = () => {
  for (let d = 0; d < 4; d++) {
    const path = folder + "/copy/d" + d;
    const away = folder + "/away" + d;
    if (!attempt(() => renameSync(path, away))) continue;
    if (attempt(() => symlinkSync(folder + "/other", path))) {
      Atomics.add(state, 1, 1);
      // The link stays for up to a millisecond.
      const end = performance.now() + Math.random();
      while (performance.now() < end);
      attempt(() => unlinkSync(path));
    }
    attempt(() => renameSync(away, path));
  }
  if (Atomics.load(state, 0) === 0) setImmediate(swap);
};
swap();
`;

it("closes a file once, and does not use the descriptor again", async () => {
  const path = join(await temporaryFolder(), "f");
  const file = await nodeFiles.create(path, undefined);
  await file.close();
  const other = await nodeFiles.create(`${path}2`, undefined);
  await file.close();
  await expect(file.write([Buffer.from("x")], 0)).rejects.toMatchObject({ code: "file-unwritable" });
  await other.write([Buffer.from("y")], 0);
  await other.close();
  expect(await readFile(`${path}2`, "utf8")).toBe("y");
});
