import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { nodeFiles } from "../src/disk/local-files.ts";
import { temporaryFolder } from "./support.ts";

// A system may write fewer bytes than it is given: a disk that is nearly full, a network file system, an interrupted call.

/** Maximum number of bytes that one call writes. */
const MOST = 7;

/** Calls in the thread pool. */
const pooled = vi.hoisted(() => ({ calls: 0 }));

vi.mock(import("node:fs"), async (importOriginal) => {
  const fs = await importOriginal();
  const writevSync = (fd: number, [first]: readonly Uint8Array[], position: number): number =>
    fs.writevSync(fd, [first!.subarray(0, MOST)], position);
  const writev = (fd: number, [first]: readonly Uint8Array[], position: number, done: () => void): void => {
    pooled.calls++;
    fs.writev(fd, [first!.subarray(0, MOST)], position, done);
  };
  return { ...fs, writevSync, writev } as typeof fs;
});

// The clock stands still, so that no call counts as slow unless a test moves it.
beforeEach(() => void vi.spyOn(performance, "now").mockReturnValue(1e9));
afterEach(() => void vi.restoreAllMocks());

const BYTES = Uint8Array.from({ length: 100 }, (_, at) => at);

it("continues short writes", async () => {
  const path = join(await temporaryFolder(), "f");
  const file = await nodeFiles.create(path, undefined);
  await setImmediate();
  await file.write([BYTES.subarray(0, 50)], 0);
  await file.write([BYTES.slice(50, 60), BYTES.slice(60)], 50);
  await file.close();
  expect(new Uint8Array(await readFile(path))).toEqual(BYTES);
});

it("continues short writes in the thread pool", async () => {
  const path = join(await temporaryFolder(), "f");
  const file = await nodeFiles.create(path, undefined);
  await setImmediate();
  pooled.calls = 0;
  // The turn has no time left.
  vi.spyOn(performance, "now").mockReturnValueOnce(1e9).mockReturnValueOnce(1e9).mockReturnValue(2e9);
  await file.write([BYTES.subarray(0, 50), BYTES.subarray(50)], 0);
  await file.close();
  expect(pooled.calls).toBe(15);
  expect(new Uint8Array(await readFile(path))).toEqual(BYTES);
});
