import { lstat, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { decodePath } from "@nacre/files/server";
import { FREED_FROM } from "nacre/extend";
import { describe, expect, it } from "vitest";
import { openDescriptorRoot } from "../../src/disk/descriptor-directory.ts";
import { DiskFiles } from "../../src/disk/disk-files.ts";
import { APPEND, CREATE, EXCLUSIVE, errorOf, get, list, put, READ, serveDisk, WAYS, WRITE } from "./support.ts";

describe.each(WAYS)("DiskFiles, reached %s", (_, openRoot) => {
  it("writes, reads, appends and truncates files", async () => {
    const { root, files } = await serveDisk(openRoot);
    await put(files, "/f", "hello world");
    expect(await get(files, "f")).toBe("hello world");
    const appending = await files.open("f", APPEND, {});
    await appending.write(0, Buffer.from("!"));
    await appending.close();
    expect(await readFile(join(root, "f"), "utf8")).toBe("hello world!");
    const file = await files.open("f", { ...READ, write: true }, {});
    await file.setstat({ size: 5n });
    await file.write(7, Buffer.from("x"));
    expect(Buffer.from(await file.read(0, 100)).toString()).toBe("hello\0\0x");
    expect((await file.stat()).size).toBe(8n);
    await files.fsync(file);
    await file.close();
    expect(await errorOf(files.open("f", EXCLUSIVE, {}))).toBe("EEXIST");
    expect(await errorOf(files.open("none", READ, {}))).toBe("ENOENT");
    expect(await errorOf(files.open("none", WRITE, {}))).toBe("ENOENT");
    await put(files, "f", "");
    expect(await get(files, "f")).toBe("");
  });

  it("reads and writes blocks of any length at any offset", async () => {
    const { files } = await serveDisk(openRoot);
    const bytes = Buffer.alloc(700_001, "0123456789abcdef");
    const file = await files.open("big", { ...CREATE, read: true }, {});
    await file.write(0, bytes.subarray(0, 300_000));
    await file.write(650_000, bytes.subarray(650_000));
    await file.write(300_000, bytes.subarray(300_000, 650_000));
    const read = await file.read(1, 1_000_000);
    expect(read.length).toBe(256 * 1024);
    expect(bytes.subarray(1, 1 + read.length).equals(read)).toBe(true);
    // Synchronous reads need a turn with time left.
    await expect.poll(() => file.readNow!(600_000, 200_000)?.length, { timeout: 10_000 }).toBe(100_001);
    await expect.poll(() => file.readNow!(700_001, 10)?.length, { timeout: 10_000 }).toBe(0);
    await expect
      .poll(() => bytes.subarray(600_000).equals(file.readNow!(600_000, 200_000) ?? Buffer.of()), { timeout: 10_000 })
      .toBe(true);
    await file.close();
  });

  it("keeps the data of a write, but frees that of an SFTP session", async () => {
    const { files, root } = await serveDisk(openRoot);
    const ofSessions = new DiskFiles({ root }, openRoot, true);
    for (const [name, served, left] of [
      ["own", files, [FREED_FROM - 1, FREED_FROM, 200_000]],
      ["session's", ofSessions.forLogin("alice"), [FREED_FROM - 1, 0, 0]],
    ] as const) {
      const file = await served.open(name, CREATE, {});
      // A short write, one made at once, and one through the thread pool.
      const blocks = [FREED_FROM - 1, FREED_FROM, 200_000].map((length) => new Uint8Array(length).fill(length % 251));
      const bytes = Buffer.concat(blocks);
      await file.write(0, blocks[0]!);
      await file.write(FREED_FROM - 1, blocks[1]!);
      await file.write(2 * FREED_FROM - 1, blocks[2]!);
      await file.close();
      expect(blocks.map(({ length }) => length)).toEqual(left);
      expect(bytes.equals(await readFile(join(root, name)))).toBe(true);
    }
  });

  it("appends writes in the order of their calls, short and long ones", async () => {
    const { files, root } = await serveDisk(openRoot);
    const file = await files.open("log", APPEND, {});
    const blocks = Array.from({ length: 40 }, (_, index) =>
      Buffer.alloc(index % 2 === 0 ? 200_000 : 10, String.fromCodePoint(48 + index)),
    );
    await Promise.all(blocks.map((block) => file.write(0, block)));
    await file.close();
    expect(Buffer.concat(blocks).equals(await readFile(join(root, "log")))).toBe(true);
  });

  it("gives new files and directories the requested mode without the umask", async () => {
    const { files, root } = await serveDisk(openRoot, { umask: 0o027 });
    await put(files, "f", "", { permissions: 0o666 });
    await files.mkdir("d", { permissions: 0o777 });
    const mask = ~(0o027 | process.umask());
    expect((await stat(join(root, "f"))).mode & 0o777).toBe(0o666 & mask);
    expect((await stat(join(root, "d"))).mode & 0o777).toBe(0o777 & mask);
  });

  it("makes, lists and removes directories", async () => {
    const { files } = await serveDisk(openRoot);
    await files.mkdir("a", {});
    await files.mkdir("a/b/", {});
    await put(files, "/a/b/f", "1");
    await put(files, "a/g", "22");
    await files.symlink("g", "a/l");
    expect(await list(files, "a")).toEqual(["b", "g", "l"]);
    const directory = await files.opendir("/a");
    const entries = await directory.read();
    const link = entries.find(({ name }) => name === "l")!;
    expect(link.attributes.permissions! & 0o170_000).toBe(0o120_000);
    expect(link.links).toBe(1);
    expect(await directory.read()).toEqual([]);
    expect((await directory.stat()).permissions! & 0o170_000).toBe(0o040_000);
    await directory.setstat({ permissions: 0o750 });
    expect((await files.stat("a")).permissions).toBe(0o040_750);
    await directory.close();
    expect(await errorOf(files.mkdir("a", {}))).toBe("EEXIST");
    expect(await errorOf(files.rmdir("a"))).toBe("ENOTEMPTY");
    expect(await errorOf(files.rmdir("a/g"))).toBe("ENOTDIR");
    expect(await errorOf(files.opendir("a/g"))).toBe("ENOTDIR");
    expect(await errorOf(files.opendir("a/none"))).toBe("ENOENT");
    await files.remove("a/b/f");
    await files.rmdir("a/b");
    expect(await errorOf(files.rmdir("/"))).toBe("EBUSY");
    expect(await errorOf(files.rmdir("none"))).toBe("ENOENT");
    expect(await errorOf(files.remove("none"))).toBe("ENOENT");
    expect(await errorOf(files.fsync(directory as never))).toBe("EBADF");
    expect(await list(files, "a/.")).toEqual(["g", "l"]);
  });

  it("lists a directory of many entries in batches", async () => {
    const { files, root } = await serveDisk(openRoot);
    const names = Array.from({ length: 300 }, (_, index) => `file-${index}`);
    for (const name of names) await writeFile(join(root, name), "");
    expect(await list(files, "/")).toEqual(names.toSorted());
  });

  it("resolves links inside the root, as after chroot", async () => {
    const { files, root } = await serveDisk(openRoot);
    await mkdir(join(root, "real/deep"), { recursive: true });
    await writeFile(join(root, "real/deep/f"), "found");
    await symlink("/real", join(root, "absolute"));
    await symlink("../../../real/deep", join(root, "real/up"));
    await symlink("deep/f", join(root, "real/file"));
    await symlink("loop", join(root, "loop"));
    await symlink("nothing", join(root, "dangling"));
    await symlink(".", join(root, "real/here"));
    for (const path of [
      "absolute/deep/f",
      "real/up/f",
      "real/file",
      "/real/up/../deep/f",
      "real/here/here/deep/../file",
    ])
      expect(await get(files, path)).toBe("found");
    expect(await files.realpath("absolute/up/f")).toBe("/real/deep/f");
    expect(await files.realpath("real/here")).toBe("/real");
    expect(await files.realpath("../..")).toBe("/");
    expect(await files.realpath("real/deep/../new")).toBe("/real/new");
    expect(await errorOf(files.realpath("none/new"))).toBe("ENOENT");
    expect(await files.readlink("absolute")).toBe("/real");
    expect(await errorOf(files.readlink("real"))).toBe("EINVAL");
    expect(await errorOf(files.stat("loop"))).toBe("ELOOP");
    expect(await errorOf(files.stat("dangling"))).toBe("ENOENT");
    expect((await files.lstat("dangling")).permissions! & 0o170_000).toBe(0o120_000);
    expect(await list(files, "absolute/")).toEqual(["deep", "file", "here", "up"]);
    await symlink("real/file", join(root, "chain-1"));
    for (let index = 2; index <= 40; index++) await symlink(`chain-${index - 1}`, join(root, `chain-${index}`));
    // `real/file` is a link, too.
    expect(await get(files, "chain-39")).toBe("found");
    expect(await errorOf(files.stat("chain-40"))).toBe("ELOOP");
    await put(files, "dangling", "created");
    expect(await readFile(join(root, "nothing"), "utf8")).toBe("created");
    expect(await errorOf(files.open("dangling", EXCLUSIVE, {}))).toBe("EEXIST");
  });

  it("takes a path that ends with a slash for a directory only", async () => {
    const { files } = await serveDisk(openRoot);
    await put(files, "f", "");
    await files.mkdir("d", {});
    await files.symlink("d", "l");
    for (const call of [files.stat("f/"), files.lstat("f/"), files.open("f/", READ, {}), files.remove("f/")])
      expect(await errorOf(call)).toBe("ENOTDIR");
    expect(await errorOf(files.rename("f/", "g"))).toBe("ENOTDIR");
    expect(await errorOf(files.setstat("f/", { permissions: 0o600 }))).toBe("ENOTDIR");
    expect(await errorOf(files.open("new/", CREATE, {}))).toBe("EISDIR");
    expect(await errorOf(files.remove("d/"))).toBe("EISDIR");
    expect(await errorOf(files.symlink("x", "new/"))).toBe("ENOENT");
    expect((await files.lstat("l/")).permissions! & 0o170_000).toBe(0o040_000);
    await files.setstat("l/", { permissions: 0o700 });
    expect((await files.stat("d")).permissions).toBe(0o040_700);
  });

  it("follows paths that take several turns, two at once", async () => {
    const { root, files } = await serveDisk(openRoot);
    // A ".." is followed from the root, so each path takes more than 128 steps.
    const [from, to] = ["/a".repeat(70), "/b".repeat(70)].map((path) => `${path}/../f`);
    for (const path of [from!, to!]) await mkdir(join(root, path.slice(0, -"/../f".length)), { recursive: true });
    await put(files, from!, "moved");
    await files.rename(from!, to!);
    expect(await get(files, to!)).toBe("moved");
    expect(await errorOf(files.stat(from!))).toBe("ENOENT");
  });

  it("renames without replacing, and replaces on request", async () => {
    const { files, root } = await serveDisk(openRoot);
    await put(files, "one", "1");
    await put(files, "two", "2");
    await files.mkdir("d", {});
    await files.mkdir("e", {});
    await files.symlink("one", "l");
    expect(await errorOf(files.rename("one", "two"))).toBe("EEXIST");
    expect(await errorOf(files.rename("d", "e"))).toBe("EEXIST");
    expect(await errorOf(files.rename("l", "two"))).toBe("EEXIST");
    await files.rename("one", "d/three");
    await files.rename("l", "d/l");
    await files.rename("d", "f");
    await files.posixRename("f/three", "two");
    expect(await readFile(join(root, "two"), "utf8")).toBe("1");
    expect((await readdir(root)).toSorted()).toEqual(["e", "f", "two"]);
    expect(await readlink(join(root, "f/l"))).toBe("one");
    expect(await errorOf(files.posixRename("/", "x"))).toBe("EBUSY");
    expect(await errorOf(files.rename("none", "x"))).toBe("ENOENT");
  });

  it("makes hard links", async () => {
    const { files } = await serveDisk(openRoot);
    await put(files, "f", "shared");
    await files.mkdir("d", {});
    await files.link("f", "d/g");
    await files.remove("f");
    expect(await get(files, "d/g")).toBe("shared");
    expect(await errorOf(files.link("d", "e"))).toBe("EPERM");
    expect(await errorOf(files.link("d/g", "d"))).toBe("EEXIST");
  });

  it("sets modes, owners, times and sizes, of links themselves as far as Node can", async () => {
    const { files, root } = await serveDisk(openRoot);
    await put(files, "f", "12345");
    await files.symlink("f", "l");
    const owner = { uid: process.getuid!(), gid: process.getgid!() };
    await files.setstat("l", { permissions: 0o100_640, owner, times: { atime: 1000, mtime: 2000 }, size: 3n });
    expect(await files.stat("f")).toEqual({
      size: 3n,
      owner,
      permissions: 0o100_640,
      times: { atime: 1000, mtime: 2000 },
    });
    await files.lsetstat("l", { times: { atime: 3000, mtime: 3500 } });
    expect((await lstat(join(root, "l"))).mtimeMs).toBe(3_500_000);
    await files.lsetstat("l", { times: { atime: 3000, mtime: 4000 }, owner });
    expect((await lstat(join(root, "l"))).mtimeMs).toBe(4_000_000);
    expect((await stat(join(root, "f"))).mtimeMs).toBe(2_000_000);
    expect(await errorOf(files.lsetstat("l", { permissions: 0o600 }))).toBe("ENOTSUP");
    expect(await errorOf(files.lsetstat("l", { size: 0n }))).toBe("EINVAL");
    await files.lsetstat("f", { permissions: 0o600 });
    expect((await files.stat("f")).permissions).toBe(0o100_600);
    expect(await errorOf(files.setstat("/", { size: 0n }))).toBe("EISDIR");
    expect(await errorOf(files.setstat("f", { size: 2n ** 60n }))).toBe("EFBIG");
  });

  it("sets one attribute by path, and keeps the others", async () => {
    const { files, root } = await serveDisk(openRoot);
    await put(files, "f", "12345", { permissions: 0o600 });
    await files.setstat("f", { permissions: 0o640 });
    await files.setstat("f", { times: { atime: 1000, mtime: 2000 } });
    const own = { uid: process.getuid!(), gid: process.getgid!() };
    const other = { uid: 12_345, gid: 12_345 };
    // Only root may give files away.
    const [result, owner] = own.uid === 0 ? ["no error", other] : ["EPERM", own];
    expect(await errorOf(files.setstat("f", { owner: other }))).toBe(result);
    expect(await files.stat("f")).toEqual({
      size: 5n,
      owner,
      permissions: 0o100_640,
      times: { atime: 1000, mtime: 2000 },
    });
    expect((await stat(join(root, "f"))).atimeMs).toBe(1_000_000);
  });

  it("reports the space of the file system", async () => {
    const { files } = await serveDisk(openRoot);
    const facts = await files.statfs("/");
    expect(facts.bsize).toBeGreaterThan(0n);
    expect(facts.blocks).toBeGreaterThanOrEqual(facts.bfree);
    const directory = await files.opendir("/");
    expect((await files.fstatfs(directory)).blocks).toBe(facts.blocks);
    await directory.close();
    const readOnly = await serveDisk(openRoot, { readOnly: true });
    expect((await readOnly.files.statfs("/")).flag).toBe(1n);
  });
});

it.each(WAYS)("serves no root that is not a directory, reached %s", async (_, openRoot) => {
  const { root } = await serveDisk();
  await writeFile(join(root, "f"), "");
  expect(await errorOf(new DiskFiles({ root: join(root, "f") }, openRoot).stat("x"))).toBe("ENOTDIR");
});

it("keeps names that are not UTF-8", async () => {
  const { files, root } = await serveDisk();
  const bytes = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1).filter((byte) => byte !== 0x2f));
  const [first, second] = [bytes.subarray(0, 127), bytes.subarray(127)];
  const [directory, name] = [decodePath(first), decodePath(second)];
  await files.mkdir(directory, {});
  await put(files, `/${directory}/${name}`, "bytes");
  await files.symlink(`${directory}/${name}`, "l");
  expect(await list(files, directory)).toEqual([name]);
  expect(await get(files, "l")).toBe("bytes");
  expect(await files.realpath("l")).toBe(`/${directory}/${name}`);
  expect(await files.readlink("l")).toBe(`${directory}/${name}`);
  await files.rename(`${directory}/${name}`, name);
  expect((await readdir(root, { encoding: "buffer" })).map(String)).toContain(String(second));
});

it("starts relative paths at the start directory", async () => {
  const { files } = await serveDisk(openDescriptorRoot, { startDirectory: "/home/alice" });
  await files.mkdir("/home", {});
  await files.mkdir("/home/alice", {});
  await put(files, "f", "mine");
  expect(await get(files, "/home/alice/f")).toBe("mine");
  expect(await files.realpath(".")).toBe("/home/alice");
  expect(await files.realpath("")).toBe("/home/alice");
  expect(await files.realpath("../..")).toBe("/");
  expect(await files.homeDirectory("alice", true)).toBe("/home/alice");
  expect(await errorOf(files.homeDirectory("root", false))).toBe("ENOENT");
});

it("knows the accounts only if it serves the whole system", async () => {
  const { files } = await serveDisk();
  expect(files.usersGroups).toBeUndefined();
  const whole = new DiskFiles({ root: "/", startDirectory: "/tmp", readOnly: true }, openDescriptorRoot);
  const { users, groups } = await whole.usersGroups!([0, 4_000_000_000], [0]);
  expect(users).toEqual(["root", ""]);
  expect(groups).toHaveLength(1);
  expect(await whole.homeDirectory("root", false)).toMatch(/^\//);
  expect(await whole.homeDirectory("no-such-user", true)).toBe("/tmp");
  const byDefault = new DiskFiles({ root: "/" }, openDescriptorRoot);
  expect(await byDefault.homeDirectory("no-such-user", true)).toBe("/");
  const directory = await whole.opendir("/");
  expect((await directory.read()).find(({ name }) => name === "etc")).toMatchObject({ user: "root" });
  await directory.close();
});

it("follows a path with many steps back, up to a bound", async () => {
  const { files } = await serveDisk();
  let deep = "";
  for (let depth = 0; depth < 40; depth++) {
    deep += "d/";
    await files.mkdir(deep, {});
  }
  expect((await files.stat(`${"d/../".repeat(800)}d`)).permissions! & 0o170_000).toBe(0o040_000);
  expect(await errorOf(files.stat(`${deep}${"../d/".repeat(300)}`))).toBe("ELOOP");
});

it("closes every descriptor a second after the last request", async () => {
  const { files, root } = await serveDisk();
  const open = async (): Promise<number> => {
    const links = await Promise.all(
      (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
    );
    return links.filter((target) => target.startsWith(root)).length;
  };
  await files.mkdir("d", {});
  for (let index = 0; index < 40; index++) await files.mkdir(`d/${index}`, {});
  for (let index = 0; index < 40; index++) await put(files, `d/${index}/f`, "");
  await list(files, "d");
  await errorOf(files.stat("d/none/none"));
  const deep = "e/".repeat(70);
  await mkdir(join(root, deep), { recursive: true });
  await errorOf(files.rename(`${deep}../none`, `${deep}../none`));
  expect(await open()).toBeLessThanOrEqual(16);
  await expect.poll(open, { timeout: 20_000 }).toBe(0);
});
