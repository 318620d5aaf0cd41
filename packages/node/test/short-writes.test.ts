import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, expect, it, vi } from "vitest";
import { nodeFiles } from "../src/disk/local-files.ts";
import { temporaryFolder } from "./support.ts";

// A system may write fewer bytes than it is given: a disk that is nearly full, a network file system, an interrupted call.

/** Maximum number of bytes that one call writes. */
const MOST = 7;

vi.mock(import("node:fs"), async (importOriginal) => {
  const fs = await importOriginal();
  const writeSync = (fd: number, bytes: Uint8Array, at: number, length: number, position: number): number =>
    fs.writeSync(fd, bytes, at, Math.min(length, MOST), position);
  const writevSync = (fd: number, [first]: readonly Uint8Array[], position: number): number =>
    writeSync(fd, first!, 0, first!.length, position);
  return { ...fs, writeSync, writevSync } as typeof fs;
});

afterEach(() => {
  vi.restoreAllMocks();
});

const BYTES = Uint8Array.from({ length: 100 }, (_, at) => at);

it("continues short writes of a short file", async () => {
  const path = join(await temporaryFolder(), "f");
  await setImmediate();
  expect(nodeFiles.createShort!(path, BYTES, { mode: undefined, exact: undefined })).toBe(true);
  expect(new Uint8Array(await readFile(path))).toEqual(BYTES);
});

it("continues short writes of blocks and pieces", async () => {
  const path = join(await temporaryFolder(), "f");
  const file = await nodeFiles.create(path, undefined);
  await setImmediate();
  await file.write(BYTES.subarray(0, 50), 0);
  await file.writePieces!([BYTES.slice(50, 60), BYTES.slice(60)], 50);
  await file.close();
  expect(new Uint8Array(await readFile(path))).toEqual(BYTES);
});

it("continues short writes in the thread pool", async () => {
  const path = join(await temporaryFolder(), "f");
  const file = await nodeFiles.create(path, undefined);
  const handle = await open(path);
  const prototype = Object.getPrototypeOf(handle) as typeof handle;
  await handle.close();
  const write = Reflect.get(prototype, "write") as (...given: unknown[]) => unknown;
  const spy = vi.spyOn(prototype, "write").mockImplementation(function (this: typeof handle, ...given: unknown[]) {
    const [bytes, at, length, position] = given as [Uint8Array, number, number, number];
    return Reflect.apply(write, this, [bytes, at, Math.min(length, MOST), position]);
  } as never);
  await setImmediate();
  // The turn has no time left.
  vi.spyOn(performance, "now").mockReturnValueOnce(0).mockReturnValueOnce(0).mockReturnValue(1e6);
  await file.write(BYTES, 0);
  await file.close();
  expect(spy).toHaveBeenCalledTimes(14);
  expect(new Uint8Array(await readFile(path))).toEqual(BYTES);
});
