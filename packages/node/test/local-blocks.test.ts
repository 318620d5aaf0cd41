import { type FileHandle, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { nodeFiles } from "../src/disk/local-files.ts";
import { temporaryFolder } from "./support.ts";

/** Time that the functions see, in milliseconds. */
let now = 1e9;
/** Time that each call takes. */
let duration = 0;

beforeEach(() => {
  vi.spyOn(performance, "now").mockImplementation(() => {
    now += duration;
    return now;
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await setImmediate();
});

/** Counts the calls of a method of `FileHandle`, which runs in the thread pool. */
async function inThreadPool(method: "read" | "write" | "writev"): Promise<{ readonly count: number }> {
  const handle = await open(import.meta.filename);
  const spy = vi.spyOn(Object.getPrototypeOf(handle) as FileHandle, method);
  await handle.close();
  return {
    get count() {
      return spy.mock.calls.length;
    },
  };
}

it("reads and writes blocks in the thread pool only if the turn has no time left or the disk is slow", async () => {
  const writes = await inThreadPool("write");
  const reads = await inThreadPool("read");
  const path = join(await temporaryFolder(), "f");
  const file = await nodeFiles.create(path, undefined);
  let position = 0;
  const write = async (): Promise<void> => {
    await file.write(Buffer.from(`block ${position / 8} `), position);
    position += 8;
  };
  await setImmediate();
  duration = 1;
  for (let i = 0; i < 4; i++) await write();
  expect(writes.count).toBe(0);
  await write();
  expect(writes.count).toBe(1);
  await setImmediate();
  await write();
  expect(writes.count).toBe(1);
  duration = 11;
  await write();
  duration = 0;
  await setImmediate();
  await write();
  expect(writes.count).toBe(2);
  // The slow call took 11 ms, so 220 ms pass.
  now += 219;
  await write();
  expect(writes.count).toBe(3);
  now += 1;
  // Turns have 4 ms each: the next two pay back what the call took longer.
  for (let turns = 0; turns < 2; turns++) await setImmediate();
  await write();
  expect(writes.count).toBe(3);
  await file.close();
  const text = Array.from({ length: 10 }, (_, i) => `block ${i} `).join("");
  expect(await readFile(path, "utf8")).toBe(text);

  const reader = await nodeFiles.open(path, false);
  const read = async (): Promise<string> => {
    const buffer = Buffer.alloc(80);
    expect(await reader.read(buffer, 0)).toBe(80);
    return buffer.toString();
  };
  await setImmediate();
  const before = reads.count;
  duration = 5;
  expect(await read()).toBe(text);
  expect(reads.count).toBe(before);
  expect(await read()).toBe(text);
  expect(reads.count).toBe(before + 1);
  duration = 0;
  await reader.close();
});

/** Returns pieces of 48,001 bytes in all, two of them long. */
function piecesOf(value: number): Uint8Array<ArrayBuffer>[] {
  return [1, 5000, 3000, 40_000].map((length, index) => new Uint8Array(length).fill(value + index));
}

it("writes pieces at their position, also those that a call left out, and frees long ones", async () => {
  const calls = await inThreadPool("writev");
  const path = join(await temporaryFolder(), "f");
  const file = await nodeFiles.create(path, undefined);
  const expected = Buffer.concat([...piecesOf(10), ...piecesOf(20)]);
  await setImmediate();
  const first = piecesOf(10);
  await file.writePieces!(first, 0);
  expect(first.map(({ length }) => length)).toEqual([1, 0, 3000, 0]);
  expect(calls.count).toBe(0);

  // The disk is slow, so the thread pool writes: here as on a system that takes a part of the bytes.
  duration = 11;
  await file.writePieces!([new Uint8Array(1)], 48_001);
  expect(calls.count).toBe(0);
  duration = 0;
  const second = piecesOf(20);
  const handle = await open(path, "r+");
  const parts = [3, 4998];
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  vi.spyOn(prototype, "writev").mockImplementation(async (pieces, at) => {
    const part = Buffer.concat(pieces as Uint8Array[]).subarray(0, parts.shift());
    const { bytesWritten } = await handle.write(part, 0, part.length, at);
    return { bytesWritten, buffers: pieces };
  });
  await file.writePieces!(second, 48_001);
  expect([calls.count, parts]).toEqual([3, []]);
  expect(second.map(({ length }) => length)).toEqual([1, 0, 3000, 0]);
  await handle.close();
  await file.close();
  now += 200;
  expect(Buffer.compare(await readFile(path), expected)).toBe(0);
});

it("names the file that pieces cannot be written to", async () => {
  const path = join(await temporaryFolder(), "f");
  const file = await nodeFiles.create(path, undefined);
  await file.close();
  await expect(file.writePieces!([new Uint8Array(9)], 0)).rejects.toMatchObject({
    code: "file-unwritable",
    message: expect.stringContaining(path) as string,
  });
});
