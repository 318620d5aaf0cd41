import { execFileSync } from "node:child_process";
import { once } from "node:events";
import type { Stats } from "node:fs";
import { chmod, lstat, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { type Attributes, type FileSystem, FileSystemError, type ServedFile } from "@nacre/files/server";
import { expect, onTestFinished, test } from "vitest";
import { openDescriptorRoot } from "../../src/disk/descriptor-directory.ts";
import type { Directory } from "../../src/disk/directory.ts";
import { DirectoryCache } from "../../src/disk/directory-cache.ts";
import { DirectoryTree } from "../../src/disk/directory-tree.ts";
import { DiskFiles } from "../../src/disk/disk-files.ts";
import { TurnBudget } from "../../src/disk/turn-budget.ts";
import { APPEND, CREATE, errorOf, get, list, put, READ, serveDisk, WAYS, WRITE } from "./support.ts";

// The names of these tests are in packages/testing/src/attacks/rows/sftp.ts.

/** Calls with a path through which a client may try to leave the root. */
const ATTEMPTS: readonly ((files: DiskFiles, path: string) => Promise<unknown>)[] = [
  (files, path) => files.open(path, READ, {}),
  (files, path) => files.open(path, WRITE, {}),
  (files, path) => files.opendir(path),
  (files, path) => files.stat(path),
  (files, path) => files.setstat(path, { permissions: 0o777 }),
  (files, path) => files.setstat(path, { size: 0n }),
  (files, path) => files.lsetstat(`${path}/`, { permissions: 0o777 }),
  (files, path) => files.open(`${path}/new`, CREATE, {}),
  (files, path) => files.open(`${path}/secret`, READ, {}),
  (files, path) => files.mkdir(`${path}/new`, {}),
  (files, path) => files.remove(`${path}/secret`),
  (files, path) => files.rename(`${path}/secret`, "stolen"),
  (files, path) => files.rename("mine", `${path}/new`),
  (files, path) => files.posixRename("mine", `${path}/secret`),
  (files, path) => files.link(`${path}/secret`, "stolen"),
  (files, path) => files.link("mine", `${path}/new`),
  (files, path) => files.symlink("x", `${path}/new`),
  (files, path) => files.rmdir(`${path}/empty`),
  (files, path) => files.statfs(path),
];

test("sftp disk: a path or link that leads out of the root · server", async () => {
  for (const [, openRoot] of WAYS) {
    const { root, outside, files } = await serveDisk(openRoot);
    await writeFile(join(outside, "secret"), "secret", { mode: 0o600 });
    await chmod(outside, 0o750);
    await mkdir(join(outside, "empty"));
    await symlink(outside, join(root, "absolute"));
    await symlink("../outside", join(root, "relative"));
    await symlink("relative", join(root, "indirect"));
    await symlink(join(outside, "secret"), join(root, "file"));
    await symlink("../outside/secret", join(root, "relative-file"));
    await writeFile(join(root, "mine"), "mine");
    await mkdir(join(root, "d"));
    for (const path of ["absolute", "relative", "indirect", "file", "relative-file", "../outside", "d/../../outside"])
      for (const attempt of ATTEMPTS) expect(await errorOf(attempt(files, path))).toBe("ENOENT");
    expect(await files.realpath("../../d/../..")).toBe("/");
    expect(await files.realpath("d/../../outside")).toBe("/outside");
    expect((await readdir(outside)).toSorted()).toEqual(["empty", "secret"]);
    expect(await readFile(join(outside, "secret"), "utf8")).toBe("secret");
    expect((await stat(join(outside, "secret"))).mode & 0o777).toBe(0o600);
    expect((await stat(outside)).mode & 0o777).toBe(0o750);
    expect(await readFile(join(root, "mine"), "utf8")).toBe("mine");
  }
});

test("sftp disk: a directory that is moved out of the root · server", async () => {
  const { root, outside, files } = await serveDisk();
  await files.mkdir("d", {});
  await put(files, "d/f", "before");
  await rename(join(root, "d"), join(outside, "d"));
  expect(await errorOf(files.stat("d/f"))).toBe("ENOENT");
  await mkdir(join(root, "d"));
  await put(files, "d/f", "after");
  expect(await readFile(join(outside, "d/f"), "utf8")).toBe("before");
  expect(await readFile(join(root, "d/f"), "utf8")).toBe("after");
  await rm(join(root, "d"), { recursive: true });
  await symlink("../outside/d", join(root, "d"));
  expect(await errorOf(put(files, "d/f", "evil"))).toBe("ENOENT");
  expect(await readFile(join(outside, "d/f"), "utf8")).toBe("before");
});

test("sftp disk: a directory that is moved while it is opened · server", () => {
  const [root, kept, moved] = [directoryAt("/srv"), directoryAt("/srv/a"), directoryAt("/outside/b")];
  const cache = new DirectoryCache(() => root);
  cache.use(() => {
    expect(cache.nearest(["a", "f"])).toEqual({ directory: root, depth: 0 });
    cache.add(["a"], kept);
    cache.add(["b"], moved);
    expect(cache.nearest(["a", "f"]).directory).toBe(kept);
    expect(cache.nearest(["b", "f"]).directory).toBe(root);
  });
});

/** A directory of which only the place is of interest. */
function directoryAt(location: string): Directory {
  return { ...({ isKept: true } as Directory), location: () => location, close() {} };
}

test("sftp disk: a change on a read-only file system · server", async () => {
  const { root, outside } = await serveDisk();
  await writeFile(join(root, "f"), "data", { mode: 0o640 });
  await mkdir(join(root, "d"));
  const files: FileSystem = new DiskFiles({ root, readOnly: true }, openDescriptorRoot);
  const open = await files.open("f", READ, {});
  const directory = await files.opendir("d");
  const calls = [
    ...[WRITE, CREATE, APPEND, { ...READ, create: true }, { ...READ, truncate: true }].map((mode) =>
      files.open("f", mode, {}),
    ),
    files.setstat!("f", { permissions: 0o777 }),
    files.lsetstat!("f", { permissions: 0o777 }),
    open.setstat({ permissions: 0o777 }),
    directory.setstat({ permissions: 0o777 }),
    files.mkdir!("new", {}),
    files.rmdir!("d"),
    files.remove!("f"),
    files.rename!("f", "g"),
    files.posixRename!("f", "g"),
    files.link!("f", "g"),
    files.symlink!("f", "g"),
    files.fsync!(open),
  ];
  expect(await Promise.all(calls.map(errorOf))).toEqual(calls.map(() => "EROFS"));
  await open.close();
  await directory.close();
  expect(await get(files, "f")).toBe("data");
  expect(await list(files, "/")).toEqual(["d", "f"]);
  expect((await files.stat("f")).permissions).toBe(0o100_640);
  expect(await readdir(outside)).toEqual([]);
});

test("sftp disk: a FIFO, a device and the files of procfs · server", async () => {
  const { root, files } = await serveDisk();
  execFileSync("mkfifo", [join(root, "fifo")]);
  for (const mode of [READ, WRITE, CREATE]) expect(await errorOf(files.open("fifo", mode, {}))).toBe("EACCES");
  const devices = new DiskFiles({ root: "/dev" }, openDescriptorRoot);
  expect(await errorOf(devices.open("null", READ, {}))).toBe("EACCES");
  expect(await errorOf(devices.open("null", WRITE, {}))).toBe("EACCES");
  const whole = new DiskFiles({ root: "/" }, openDescriptorRoot);
  const memory = ["/proc/self/mem", `/proc/${process.pid}/environ`, "/proc/self/root/proc/self/oom_score_adj"];
  for (const path of memory) {
    expect(await errorOf(whole.open(path, READ, {}))).toBe("EACCES");
    expect(await errorOf(whole.setstat(path, { permissions: 0o600 }))).toBe("EACCES");
  }
  expect(await errorOf(whole.open("/proc/self/oom_score_adj", WRITE, {}))).toBe("EACCES");
});

const facts = ({ mode, uid, mtimeMs }: Stats): unknown => [mode, uid, mtimeMs];

test("sftp disk: modes of the root and of special files, setuid and setgid · server", async () => {
  for (const [, openRoot] of WAYS) {
    const { root, files } = await serveDisk(openRoot);
    execFileSync("mkfifo", ["-m", "600", join(root, "fifo")]);
    const socket = createServer().listen(join(root, "socket"));
    onTestFinished(() => void socket.close());
    await once(socket, "listening");
    await files.symlink(".", "here");
    await put(files, "f", "");
    const owner = { uid: process.getuid!(), gid: process.getgid!() };
    const modes: Attributes[] = [
      { permissions: 0o777 },
      { owner },
      { permissions: 0o777, times: { atime: 1, mtime: 1 } },
    ];
    const before = await Promise.all(["", "fifo", "socket"].map((path) => lstat(join(root, path))));
    for (const path of ["fifo", "socket"])
      for (const attributes of [...modes, { size: 0n }, { times: { atime: 1, mtime: 1 } }]) {
        expect(await errorOf(files.setstat(path, attributes))).toBe("EACCES");
        expect(await errorOf(files.lsetstat(path, attributes))).toBe("EACCES");
      }
    const directory = await files.opendir("here/../.");
    for (const attributes of modes) {
      for (const path of ["/", "", ".", "..", "here", "here/.."])
        expect(await errorOf(files.setstat(path, attributes)), path).toBe("EACCES");
      expect(await errorOf(files.lsetstat("/", attributes))).toBe("EACCES");
      expect(await errorOf(directory.setstat(attributes))).toBe("EACCES");
    }
    const after = await Promise.all(["", "fifo", "socket"].map((path) => lstat(join(root, path))));
    expect(after.map(facts)).toEqual(before.map(facts));
    await directory.close();

    await put(files, "program", "", { permissions: 0o106_755 });
    await files.mkdir("d", { permissions: 0o47_755 });
    const [file, opened] = [await files.open("f", WRITE, {}), await files.opendir("d")];
    await file.setstat({ permissions: 0o106_755 });
    await opened.setstat({ permissions: 0o47_755 });
    expect((await stat(join(root, "d"))).mode & 0o7777).toBe(0o1755);
    await files.setstat("d", { permissions: 0o47_775 });
    for (const [name, mode] of [
      ["program", 0o755],
      ["d", 0o1775],
      ["f", 0o755],
    ] as const)
      expect((await stat(join(root, name))).mode & 0o7777, name).toBe(mode);
    await files.setstat("f", { permissions: 0o4711 });
    expect((await stat(join(root, "f"))).mode & 0o7777).toBe(0o711);
    await file.close();
    await opened.close();
    // A client of the whole system changes modes as its commands may.
    const whole = new DiskFiles({ root: "/" }, openRoot);
    await whole.setstat(join(root, "f"), { permissions: 0o4711 });
    expect((await stat(join(root, "f"))).mode & 0o7777).toBe(0o4711);
    expect(await errorOf(whole.setstat(join(root, "fifo"), { permissions: 0o777 }))).toBe("EACCES");
  }
});

test("sftp disk: too many open files · server", async () => {
  const { files } = await serveDisk(openDescriptorRoot, { maxHandles: 5 });
  await put(files, "f", "");
  const opened = [await files.open("f", READ, {}), await files.opendir("/"), await files.open("f", WRITE, {})];
  expect(await errorOf(files.open("f", READ, {}))).toBe("EMFILE");
  expect(await errorOf(files.open("new", CREATE, {}))).toBe("EMFILE");
  expect(await errorOf(files.opendir("/"))).toBe("EMFILE");
  for (const handle of opened) await handle.close();
  await put(files, "f", "again");
  expect(await list(files, "/")).toEqual(["f"]);
});

test("sftp disk: a client that keeps the disk busy · server", async () => {
  const budget = new TurnBudget();
  let calls = 0;
  const work = (): void => {
    calls++;
    for (const end = performance.now() + 3; performance.now() < end; );
  };
  const all = Promise.all(Array.from({ length: 20 }, () => budget.run("mallory", work)));
  expect(budget.permits).toBe(false);
  // The budget's own turn was asked for before this one, so some further calls may have run.
  const seen: number[] = [];
  for (let turn = 0; turn < 3; turn++) {
    await nextTurn();
    seen.push(calls);
  }
  expect(seen[0]).toBeLessThanOrEqual(4);
  expect(seen[2]).toBeLessThan(20);
  await all;
  expect(calls).toBe(20);
});

test("sftp disk: a call that takes longer than a turn · server", async () => {
  const budget = new TurnBudget();
  void budget.run("mallory", () => {
    for (const end = performance.now() + 60; performance.now() < end; );
  });
  let isMade = false;
  const next = budget.run("mallory", () => {
    isMade = true;
  });
  // A turn has 4 ms, so the call has used those of fifteen turns at least.
  for (let turn = 0; turn < 12; turn++) await nextTurn();
  expect(isMade).toBe(false);
  await next;
});

test("sftp disk: a login whose calls fill every turn · server", async () => {
  const budget = new TurnBudget();
  const order: string[] = [];
  const calling = (login: string): Promise<void> =>
    budget.run(login, () => {
      order.push(login);
      for (const end = performance.now() + 5; performance.now() < end; );
    });
  await Promise.all([...Array.from({ length: 10 }, () => calling("mallory")), calling("alice")]);
  expect(order.indexOf("alice")).toBeLessThanOrEqual(2);
});

/** Waits for the next turn of the event loop. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Directories without a disk, any number of them. */
interface Endless {
  readonly tree: DirectoryTree;
  readonly counts: { entered: number; located: number; open: number };
  /** Follows a path, and resolves with the names above its last one. */
  follow(this: void, path: string, opened?: () => void): Promise<readonly string[]>;
  /** Changes the locations of all directories. */
  move(this: void): void;
}

function endlessDirectories(): Endless {
  const counts = { entered: 0, located: 0, open: 0 };
  let top = "/srv";
  const directory = (names: string): Directory => {
    counts.open++;
    return {
      ...({ isKept: true } as Directory),
      enter(name) {
        counts.entered++;
        return directory(`${names}/${name}`);
      },
      location() {
        counts.located++;
        return top + names;
      },
      close: () => void counts.open--,
    };
  };
  const tree = new DirectoryTree("/srv", "/", () => directory(""), new TurnBudget());
  return {
    tree,
    counts,
    follow: (path, opened = () => {}) =>
      tree.visit({ login: "mallory", opened, closed() {} }, path, ({ parents }) => parents),
    move: () => {
      top = "/outside";
    },
  };
}

test("sftp disk: a path of very many directories · server", async () => {
  const { counts, follow } = endlessDirectories();
  // The longest path is followed.
  expect(await follow(`${"/a".repeat(2040)}/f`)).toHaveLength(2040);
  expect(counts.entered).toBe(2040);
  expect(counts.located).toBeLessThan(150);
  expect(counts.open).toBeLessThan(20);
  // Each ".." begins at the root again.
  const deep = "/b".repeat(1000);
  await expect(follow(`${deep}${"/../b".repeat(300)}`)).rejects.toThrow("ELOOP");
  expect(counts.entered).toBeLessThan(4200);
  expect(counts.open).toBeLessThan(20);
});

test("sftp disk: a path of very many directories in one turn · server", async () => {
  const { counts, follow } = endlessDirectories();
  const following = follow(`${"/a".repeat(2040)}/f`);
  let before = 0;
  let turns = 0;
  for (; counts.entered < 2040; turns++) {
    expect(counts.entered - before).toBeLessThanOrEqual(128);
    before = counts.entered;
    await nextTurn();
  }
  expect(turns).toBeGreaterThanOrEqual(15);
  await following;
});

test("sftp disk: a directory that is moved while a path is followed · server", async () => {
  const { counts, follow, move } = endlessDirectories();
  const following = follow(`${"/a".repeat(200)}/f`);
  expect(counts.entered).toBe(128);
  move();
  await expect(following).rejects.toThrow("ENOENT");
});

test("sftp disk: very many paths that take several turns · server", async () => {
  const { counts, follow } = endlessDirectories();
  let left = 3;
  const opened = (): void => {
    if (left-- <= 0) throw new FileSystemError("EMFILE");
  };
  const paths = Array.from({ length: 10 }, (_, index) => `/${index}${"/a".repeat(200)}/f`);
  const followed = await Promise.allSettled(paths.map((path) => follow(path, opened)));
  expect(followed.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
  expect(counts.open).toBeLessThan(20);
});

test("sftp disk: one login that opens all files · server", async () => {
  const { root } = await serveDisk();
  await writeFile(join(root, "f"), "");
  // Each session may have a file system of its own.
  const session = (login: string): FileSystem =>
    new DiskFiles({ root, maxHandles: 100 }, openDescriptorRoot).forLogin(login);
  const openAll = async (login: string): Promise<ServedFile[]> => {
    const opened: ServedFile[] = [];
    for (const files of Array.from({ length: 4 }, () => session(login)))
      for (;;) {
        const file = await files.open("f", READ, {}).catch(() => undefined);
        if (file === undefined) break;
        opened.push(file);
      }
    return opened;
  };
  const [mallory, alice, bob] = [await openAll("mallory"), await openAll("alice"), await openAll("bob")];
  expect([mallory, alice, bob].map(({ length }) => length)).toEqual([50, 25, 13]);
  for (const file of [...mallory, ...alice, ...bob]) await file.close();
  expect(await openAll("bob").then((files) => Promise.all(files.map((file) => file.close())))).toHaveLength(50);
});
