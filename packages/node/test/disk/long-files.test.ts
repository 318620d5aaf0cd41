import * as fs from "node:fs";
import { readdir, readlink, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { ServedFile } from "@nacre/files/server";
import { beforeEach, describe, expect, it, onTestFinished, test, vi } from "vitest";
import type { DiskFiles } from "../../src/disk/disk-files.ts";
import { diskTurn } from "../../src/disk/turn-budget.ts";
import { CREATE, errorOf, get, list, put, READ, serveDisk, WAYS, WRITE } from "./support.ts";

/** Length in bytes of a long file. */
const LENGTH = 200_000;

/** Calls of the thread pool that free or store blocks and have not been let go. */
let waiting: (() => void)[] = [];
/** Whether such calls wait, as if the disk took minutes. */
let isSlow = false;
/** Whether the thread pool's closes of all long files wait, too. */
let isSlowToClose = false;
/** Synchronous truncations. */
let truncations = 0;

vi.mock("node:fs", async (importOriginal) => {
  const original = await importOriginal<typeof fs>();
  const { close, fdatasync, fsync, ftruncate, ftruncateSync, fstatSync } = original;
  return {
    ...original,
    close: (descriptor: number, done: fs.NoParamCallback) => {
      const { nlink, size } = fstatSync(descriptor);
      const call = (): void => close(descriptor, done);
      if (isSlow && (nlink === 0 || isSlowToClose) && size > LENGTH / 2) waiting.push(call);
      else call();
    },
    fdatasync: (descriptor: number, done: fs.NoParamCallback) => {
      const call = (): void => fdatasync(descriptor, done);
      if (isSlow) waiting.push(call);
      else call();
    },
    fsync: (descriptor: number, done: fs.NoParamCallback) => {
      const call = (): void => fsync(descriptor, done);
      if (isSlow) waiting.push(call);
      else call();
    },
    ftruncateSync: (descriptor: number, size: number) => {
      truncations++;
      ftruncateSync(descriptor, size);
    },
    ftruncate: (descriptor: number, size: number, done: fs.NoParamCallback) => {
      const call = (): void => ftruncate(descriptor, size, done);
      if (isSlow) waiting.push(call);
      else call();
    },
  };
});

/** Lets the calls go that wait, and those that they make room for, until `settled` settles. */
async function letGo<T>(settled: Promise<T>): Promise<T> {
  isSlow = false;
  for (const call of waiting.splice(0)) call();
  return settled;
}

/** Waits until some calls wait. */
async function untilWaiting(count = 1): Promise<void> {
  await expect.poll(() => waiting.length, { timeout: 10_000 }).toBe(count);
}

/** Returns whether a call has settled after some turns of the event loop. */
async function isSettled(call: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  call.then(settle, settle);
  for (let turns = 0; turns < 5; turns++) await setImmediate();
  return settled;
}

beforeEach(() => {
  [waiting, isSlow, isSlowToClose, truncations] = [[], false, false, 0];
});

/** Makes files of 200,000 bytes, and lets calls that free blocks wait from then on. */
async function longFiles(root: string, ...names: readonly string[]): Promise<void> {
  for (const name of names) await writeFile(join(root, name), Buffer.alloc(LENGTH, 1));
  isSlow = true;
  onTestFinished(() => letGo(Promise.resolve()));
}

/** Returns the number of open descriptors of files whose last name is gone. */
async function heldFiles(root: string): Promise<number> {
  const names = await readdir("/proc/self/fd");
  const targets = await Promise.all(names.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  return targets.filter((target) => target.startsWith(root) && target.endsWith(" (deleted)")).length;
}

/** A call of one login that frees a long file. */
interface Freeing {
  readonly name: string;
  readonly call: (files: DiskFiles, opened: ServedFile) => Promise<unknown>;
}

const FREEING: readonly Freeing[] = [
  { name: "removed", call: (files) => files.remove("f") },
  { name: "replaced", call: (files) => files.posixRename("short", "f") },
  { name: "opened with O_TRUNC", call: async (files) => (await files.open("f", CREATE, {})).close() },
  { name: "truncated by path", call: (files) => files.setstat("f", { size: 0n }) },
  { name: "truncated by handle", call: (_, opened) => opened.setstat({ size: 0n }) },
  { name: "lengthened", call: (files) => files.setstat("short", { size: 1_000_000n }) },
];

test("sftp disk: a call that takes as long as the file is long · server", async () => {
  for (const [, openRoot] of WAYS)
    for (const { call } of FREEING) {
      const { root, files } = await serveDisk(openRoot);
      await writeFile(join(root, "short"), "short");
      await longFiles(root, "f");
      const opened = await files.open("f", { ...READ, write: true }, {});
      const freeing = call(files.forLogin("mallory"), opened);
      await untilWaiting();
      expect(await isSettled(freeing)).toBe(false);
      // Others are served meanwhile.
      const alice = files.forLogin("alice");
      await put(alice, "hers", "x");
      await alice.remove("hers");
      expect(await list(alice, "/")).not.toContain("hers");
      await letGo(freeing);
      await opened.close();
    }
});

test("sftp disk: the last close of a long file that was removed · server", async () => {
  const { root, files } = await serveDisk();
  await longFiles(root, "f");
  const opened = await files.open("f", READ, {});
  isSlow = false;
  await files.remove("f");
  isSlow = true;
  const closing = opened.close();
  await untilWaiting();
  expect(await isSettled(closing)).toBe(false);
  expect(await heldFiles(root)).toBe(1);
  await letGo(closing);
  expect(await heldFiles(root)).toBe(0);
});

test("sftp disk: a long file that is renamed over another one · server", async () => {
  for (const [, openRoot] of WAYS) {
    const { root, files } = await serveDisk(openRoot);
    await writeFile(join(root, "short"), "short");
    await longFiles(root, "f");
    const renaming = files.posixRename("f", "short");
    await untilWaiting();
    expect(await isSettled(renaming)).toBe(false);
    expect((await stat(join(root, "short"))).size).toBe(5);
    await letGo(renaming);
    expect((await stat(join(root, "short"))).size).toBe(LENGTH);
    expect(await readdir(root)).toEqual(["short"]);
  }
});

test("sftp disk: the close of a long file that was emptied before · server", async () => {
  const { root, files } = await serveDisk();
  await longFiles(root, "f");
  isSlow = false;
  const opened = await files.open("f", CREATE, {});
  await opened.write(0, Buffer.alloc(LENGTH, 2));
  [isSlow, isSlowToClose] = [true, true];
  const closing = opened.close();
  await untilWaiting();
  expect(await isSettled(closing)).toBe(false);
  await letGo(closing);
});

test("sftp disk: a file that is used while it is truncated · server", async () => {
  const { root, files } = await serveDisk();
  await writeFile(join(root, "short"), "short");
  await longFiles(root, "f");
  const opened = await files.open("f", { ...READ, write: true }, {});
  const truncating = files.forLogin("mallory").setstat("f", { size: 5n });
  await untilWaiting();
  const alice = files.forLogin("alice");
  // Only then is a call made at once that the rule does not stop.
  await vi.waitFor(() => expect(diskTurn.permits).toBe(true), 10_000);
  expect(opened.readNow!(0, 10)).toBeUndefined();
  const uses: readonly Promise<unknown>[] = [
    opened.read(0, 10),
    opened.write(5, Buffer.from("after")),
    opened.setstat({ permissions: 0o600 }),
    opened.setstat({ size: 10n }),
    files.fsync(opened),
    alice.setstat("f", { permissions: 0o600 }),
    alice.link("f", "g"),
    alice.posixRename("short", "f"),
  ];
  expect(await Promise.all(uses.map(isSettled))).toEqual(uses.map(() => false));
  expect((await alice.stat("f")).permissions! & 0o777).toBe(0o644 & ~process.umask());
  await letGo(truncating);
  await Promise.all(uses);
  expect(await get(files, "g")).toHaveLength(10);
  await opened.close();
});

describe("a long file", () => {
  it("has no name any more while it is freed, and one descriptor", async () => {
    const { root, files } = await serveDisk();
    await longFiles(root, "f");
    const removing = files.remove("f");
    await untilWaiting();
    expect(await errorOf(stat(join(root, "f")))).toBe("ENOENT");
    expect(await heldFiles(root)).toBe(1);
    await letGo(removing);
    expect(await heldFiles(root)).toBe(0);
  });

  it("keeps its name, and no descriptor, if it cannot be replaced", async () => {
    const { root, files } = await serveDisk();
    await longFiles(root, "f");
    await files.mkdir("d", {});
    expect(await errorOf(files.posixRename("d", "f"))).toBe("ENOTDIR");
    expect((await stat(join(root, "f"))).size).toBe(LENGTH);
    const targets = (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ""));
    expect(await Promise.all(targets)).not.toContain(join(root, "f"));
  });

  it("may have few blocks", async () => {
    const { root, files } = await serveDisk();
    await writeFile(join(root, "sparse"), "");
    await truncate(join(root, "sparse"), 10_000_000);
    await longFiles(root);
    const removing = files.remove("sparse");
    await untilWaiting();
    await letGo(removing);
  });

  it("is truncated by an open for reading", async () => {
    const { root, files } = await serveDisk();
    await longFiles(root, "f");
    isSlow = false;
    const file = await files.open("f", { ...READ, truncate: true }, {});
    expect((await file.stat()).size).toBe(0n);
    await file.close();
  });
});

it("stores the contents of two files at once, of two logins", async () => {
  const { root, files } = await serveDisk();
  await writeFile(join(root, "f"), "");
  await longFiles(root);
  const logins = ["mallory", "mallory", "alice", "bob"].map((login) => files.forLogin(login));
  const opened = await Promise.all(logins.map((login) => login.open("f", WRITE, {})));
  const stored = opened.map((file) => files.fsync(file));
  await untilWaiting(2);
  expect(await Promise.all(stored.map(isSettled))).toEqual([false, false, false, false]);
  expect(waiting).toHaveLength(2);
  await letGo(Promise.all(stored));
  for (const file of opened) await file.close();
});

it("does not truncate a new file, whose first close would be slow then", async () => {
  const { files } = await serveDisk();
  await put(files, "f", "new");
  expect(truncations).toBe(0);
  await put(files, "f", "old");
  expect(truncations).toBe(1);
});

it("frees a short file at once", async () => {
  const { root, files } = await serveDisk();
  await longFiles(root);
  await put(files, "f", "short");
  await put(files, "f", "shorter");
  await files.setstat("f", { size: 1n });
  await put(files, "g", "new");
  await files.posixRename("g", "f");
  const opened = await files.open("f", WRITE, {});
  await files.remove("f");
  await opened.close();
  expect(waiting).toHaveLength(0);
});
