import { execFileSync } from "node:child_process";
import { readdir, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openDescriptorRoot } from "../../src/disk/descriptor-directory.ts";
import { DiskFiles } from "../../src/disk/disk-files.ts";
import { TurnBudget } from "../../src/disk/turn-budget.ts";
import { APPEND, CREATE, errorOf, get, put, READ, serveDisk, WRITE } from "./support.ts";

// A disk that writes less than it is asked to, and whose calls fail or take long.

/** What the disk does; reset after each test. */
const disk = vi.hoisted(() => ({
  /** Most bytes that one write takes. */
  most: Number.POSITIVE_INFINITY,
  /** Lengths of the writes, as asked for. */
  writes: [] as number[],
  /** Returns how many bytes a write takes. */
  taken(length: number): number {
    disk.writes.push(length);
    return Math.min(length, disk.most);
  },
  /** Called by fsync with a callback that ends it. */
  fsync: undefined as ((descriptor: number, ended: (error: Error | null) => void) => unknown) | undefined,
  failsToList: false,
  /** Code of the error of every link(2). */
  linkError: undefined as string | undefined,
}));
afterEach(() => {
  disk.most = Number.POSITIVE_INFINITY;
  disk.writes = [];
  disk.fsync = undefined;
  disk.failsToList = false;
  disk.linkError = undefined;
});

vi.mock(import("node:fs"), async (original) => {
  const fs = await original();
  const { promisify } = await import("node:util");
  const writeLater = promisify(fs.write);
  const write = Object.assign(() => {}, {
    [promisify.custom]: (
      descriptor: number,
      data: Uint8Array,
      offset: number,
      length: number,
      position: number | null,
    ) => writeLater(descriptor, data, offset, disk.taken(length), position),
  });
  const writeSync = (descriptor: number, data: Uint8Array, offset: number, length: number, position: number | null) =>
    fs.writeSync(descriptor, data, offset, disk.taken(length), position);
  const fsync = (descriptor: number, ended: (error: Error | null) => void): unknown =>
    disk.fsync === undefined ? fs.fsync(descriptor, ended) : disk.fsync(descriptor, ended);
  const opendirSync: typeof fs.opendirSync = (...args) => {
    if (disk.failsToList) throw Object.assign(new Error("the disk failed"), { code: "EIO" });
    return fs.opendirSync(...args);
  };
  const linkSync: typeof fs.linkSync = (...args) => {
    if (disk.linkError !== undefined) throw Object.assign(new Error("no link"), { code: disk.linkError });
    return fs.linkSync(...args);
  };
  // Other runtimes than Node list a directory by `readdirSync`.
  const readdirSync = ((...args: Parameters<typeof fs.readdirSync>) => {
    if (disk.failsToList) throw Object.assign(new Error("the disk failed"), { code: "EIO" });
    return fs.readdirSync(...args);
  }) as typeof fs.readdirSync;
  return {
    ...fs,
    write: write as never,
    writeSync: writeSync as never,
    fsync: fsync as never,
    opendirSync,
    readdirSync,
    linkSync,
  };
});

const CONTENT = "0123456789".repeat(20_000);

describe("a disk that writes short", () => {
  it.each([
    ["at once", true],
    ["in the thread pool", false],
  ])("gets the rest of every write, %s", async (_, permits) => {
    if (!permits) vi.spyOn(TurnBudget.prototype, "attempt").mockReturnValue(undefined);
    const { files } = await serveDisk();
    disk.most = 700;
    await put(files, "long", CONTENT);
    await put(files, "short", "0123456789".repeat(100));
    const log = await files.open("log", APPEND, {});
    await Promise.all([log.write(0, Buffer.from("a".repeat(1000))), log.write(0, Buffer.from("b".repeat(1000)))]);
    await log.close();
    vi.restoreAllMocks();
    expect(disk.writes.slice(0, 3)).toEqual([200_000, 199_300, 198_600]);
    expect(disk.writes.slice(-6)).toEqual([1000, 300, 1000, 300, 1000, 300]);
    expect(await get(files, "long")).toBe(CONTENT);
    expect(await get(files, "short")).toBe("0123456789".repeat(100));
    expect(await get(files, "log")).toBe(`${"a".repeat(1000)}${"b".repeat(1000)}`);
  });
});

describe("a rename", () => {
  it.each(["EPERM", "EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EMLINK"])(
    "replaces nothing on a file system without hard links (%s)",
    async (code) => {
      const { files } = await serveDisk();
      await put(files, "one", "1");
      await put(files, "two", "2");
      disk.linkError = code;
      expect(await errorOf(files.rename("one", "two"))).toBe("EEXIST");
      await files.rename("one", "three");
      expect([await get(files, "two"), await get(files, "three")]).toEqual(["2", "1"]);
      expect(await errorOf(files.stat("one"))).toBe("ENOENT");
    },
  );

  it("fails as the disk does for any other reason", async () => {
    const { files } = await serveDisk();
    await put(files, "one", "1");
    disk.linkError = "EIO";
    expect(await errorOf(files.rename("one", "two"))).toBe("EIO");
    expect(await get(files, "one")).toBe("1");
  });
});

describe("fsync", () => {
  it("ends when the disk has stored the file, and not before", async () => {
    const { files, root } = await serveDisk();
    const file = await files.open("f", CREATE, {});
    const asked: { readonly path: string; readonly ended: (error: Error | null) => void }[] = [];
    disk.fsync = (descriptor, ended) => asked.push({ path: `/proc/self/fd/${descriptor}`, ended });
    let isStored = false;
    const stored = files.fsync(file).then(() => {
      isStored = true;
    });
    // A later call on the file is answered first.
    await file.stat();
    expect([await Promise.all(asked.map(({ path }) => readlink(path))), isStored]).toEqual([[join(root, "f")], false]);
    asked[0]!.ended(null);
    await stored;
    disk.fsync = (_, ended) => ended(Object.assign(new Error("the disk failed"), { code: "EIO" }));
    expect(await errorOf(files.fsync(file))).toBe("EIO");
    await file.close();
  });
});

describe("what is refused", () => {
  it("leaves no descriptor and takes no handle", async () => {
    const { root, files } = await serveDisk(openDescriptorRoot, { maxHandles: 1 });
    execFileSync("mkfifo", [join(root, "fifo")]);
    await writeFile(join(root, "f"), "");
    await files.mkdir("d", {});
    const whole = new DiskFiles({ root: "/", maxHandles: 1 }, openDescriptorRoot);
    const calls: readonly (() => Promise<unknown>)[] = [
      () => files.open("fifo", READ, {}),
      () => files.open("d", READ, {}),
      () => files.open("d", WRITE, {}),
      () => files.open("f/", READ, {}),
      () => files.opendir("f"),
      () => files.setstat("fifo", { permissions: 0o777 }),
      () => files.setstat("f/", { permissions: 0o777 }),
      () => files.setstat("/", { permissions: 0o777 }),
      () => files.setstat("f", { size: 2n ** 60n }),
      () => files.statfs("f/"),
      () => whole.open("/dev/null", READ, {}),
      () => whole.open("/proc/self/oom_score_adj", WRITE, {}),
      () => whole.setstat("/proc/self/oom_score_adj", { permissions: 0o600 }),
    ];
    const paths = [...["fifo", "f", "d"].map((name) => join(root, name)), "/dev/null"];
    const openPaths = async (): Promise<string[]> => {
      const descriptors = await readdir("/proc/self/fd");
      const found = await Promise.all(descriptors.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => "")));
      return found.filter((path) => paths.includes(path) || path.endsWith("oom_score_adj"));
    };
    // Standard input may be /dev/null.
    const before = await openPaths();
    for (const call of calls) expect(await errorOf(call()), String(call)).not.toBe("no error");
    disk.failsToList = true;
    expect(await errorOf(files.opendir("d"))).toBe("EIO");
    disk.failsToList = false;
    expect(await openPaths()).toEqual(before);
    // The one handle is still free.
    await (await files.open("f", WRITE, {})).close();
    await (await files.opendir("d")).close();
  });
});
