import { type MemoryFileSystem, memoryFileSystem, type OpenMode } from "@nacre/files/server";
import { failure } from "@nacre/testing/nacre/outcomes";
import { describe, expect, it } from "vitest";

const READ: OpenMode = { read: true, write: false, append: false, create: false, truncate: false, exclusive: false };
const CREATE: OpenMode = { ...READ, write: true, create: true };

async function write(files: MemoryFileSystem, path: string, content: string): Promise<void> {
  const file = await files.open(path, { ...CREATE, truncate: true }, {});
  await file.write(0, new TextEncoder().encode(content));
  await file.close();
}

async function read(files: MemoryFileSystem, path: string): Promise<string> {
  const file = await files.open(path, READ, {});
  const bytes = await file.read(0, 1000);
  await file.close();
  return new TextDecoder().decode(bytes);
}

async function fails(call: Promise<unknown>, code: string): Promise<void> {
  expect(await failure(call)).toMatchObject({ name: "FileSystemError", code });
}

describe("memoryFileSystem", () => {
  it("keeps a file without a name until its last handle is closed, then frees its bytes", async () => {
    const files = memoryFileSystem({ capacity: 8192 });
    const used = async (): Promise<bigint> => (await files.statfs("/")).blocks - (await files.statfs("/")).bfree;
    const file = await files.open("f", CREATE, {});
    await file.write(5000, new Uint8Array([7]));
    await files.remove("f");
    expect(await used()).toBe(2n);
    expect([...(await file.read(4999, 9))]).toEqual([0, 7]);
    await file.close();
    expect(await used()).toBe(0n);
    await fails(files.stat("f"), "ENOENT");
  });

  it("reads zeros where a file was truncated and extended", async () => {
    const files = memoryFileSystem();
    await write(files, "f", "abcdef");
    for (const size of [4n, 6n, 1n, 3n]) await files.setstat("f", { size });
    expect(await read(files, "f")).toBe("a\0\0");
  });

  it("appends at the end of the file, whatever the offset", async () => {
    const files = memoryFileSystem();
    await write(files, "f", "abc");
    const file = await files.open("f", { ...CREATE, append: true }, {});
    await file.write(0, new Uint8Array([0x64]));
    await file.close();
    expect(await read(files, "f")).toBe("abcd");
  });

  it("renames as POSIX does", async () => {
    const files = memoryFileSystem();
    await files.mkdir("d", {});
    await files.mkdir("d/sub", {});
    await files.mkdir("empty", {});
    await write(files, "f", "f");
    await files.link("f", "same");
    await fails(files.rename("f", "same"), "EEXIST");
    await fails(files.posixRename("f", "d"), "EISDIR");
    await fails(files.posixRename("d", "f"), "ENOTDIR");
    await fails(files.posixRename("d", "d/sub/inside"), "EINVAL");
    await fails(files.posixRename("empty", "d"), "ENOTEMPTY");
    await fails(files.posixRename("/", "x"), "EBUSY");
    await fails(files.posixRename("f", "x/"), "ENOTDIR");
    await files.posixRename("f", "same");
    expect(await read(files, "f")).toBe("f");
    await files.posixRename("d", "empty");
    expect((await files.stat("empty/sub")).permissions).toBe(0o040755);
    await fails(files.stat("d"), "ENOENT");
  });

  it("walks through links, and never above the root", async () => {
    const files = memoryFileSystem();
    await files.mkdir("a", {});
    await files.mkdir("a/b", {});
    await files.symlink("/a/b", "absolute");
    await files.symlink("../../..", "a/b/up");
    await write(files, "a/f", "found");
    expect(await read(files, "absolute/../f")).toBe("found");
    expect(await files.realpath("/absolute/up/../../absolute")).toBe("/a/b");
    expect(await files.realpath("a/missing")).toBe("/a/missing");
    expect(await files.realpath("")).toBe("/");
    await fails(files.realpath("a/missing/x"), "ENOENT");
    await fails(files.stat("a/f/"), "ENOTDIR");
    await fails(files.stat("a/f/x"), "ENOTDIR");
    await fails(files.rmdir("/"), "EBUSY");
  });

  it("creates through a link to nothing, except exclusively", async () => {
    const files = memoryFileSystem();
    await files.symlink("target", "link");
    await fails(files.open("link", { ...CREATE, exclusive: true }, {}), "EEXIST");
    await write(files, "link", "through");
    expect(await read(files, "target")).toBe("through");
  });

  it("follows at most 40 links, however they multiply", async () => {
    const files = memoryFileSystem();
    await files.symlink(".", "l0");
    for (let level = 1; level < 30; level++) await files.symlink(`l${level - 1}/l${level - 1}`, `l${level}`);
    expect(await files.realpath("l4")).toBe("/");
    await fails(files.realpath("l29"), "ELOOP");
  });

  it("refuses what goes beyond its limits", async () => {
    const files = memoryFileSystem({ capacity: 1000, maxFiles: 2 });
    await write(files, "f", "x");
    const file = await files.open("f", CREATE, {});
    await fails(file.write(1000, new Uint8Array(1)), "ENOSPC");
    await fails(file.setstat({ size: 2n ** 63n }), "ENOSPC");
    await fails(files.mkdir("n".repeat(256), {}), "ENAMETOOLONG");
    await files.mkdir("d", {});
    await fails(files.mkdir("e", {}), "ENOSPC");
    await files.rmdir("d");
    await files.symlink("f", "e");
    expect((await file.stat()).size).toBe(1n);
  });

  it("applies the umask and the owner to new files", async () => {
    const files = memoryFileSystem({ umask: 0o077, uid: 5, gid: 6 });
    await write(files, "f", "x");
    await files.mkdir("d", { permissions: 0o755 });
    expect(await files.stat("f")).toMatchObject({ permissions: 0o100600, owner: { uid: 5, gid: 6 } });
    expect(await files.stat("d")).toMatchObject({ permissions: 0o040700 });
  });

  it("lists a directory as it was opened, without the entries removed since", async () => {
    const files = memoryFileSystem();
    for (const name of ["a", "b", "c"]) await files.mkdir(name, {});
    const directory = await files.opendir("/");
    await files.rmdir("b");
    await files.mkdir("d", {});
    expect((await directory.read()).map(({ name }) => name)).toEqual(["a", "c"]);
    expect(await directory.read()).toEqual([]);
  });
});
