import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { nodeFiles } from "../src/disk/local-files.ts";
import { temporaryFolder } from "./support.ts";

/** Calls in the thread pool, and the numbers of bytes that the next writes take. */
const pooled = vi.hoisted(() => ({ reads: 0, writes: 0, parts: [] as number[] }));

vi.mock(import("node:fs"), async (importOriginal) => {
  const fs = await importOriginal();
  const read = (...given: Parameters<typeof fs.read>): void => {
    pooled.reads++;
    fs.read(...given);
  };
  const writev = (fd: number, pieces: readonly Uint8Array[], at: number, done: () => void): void => {
    pooled.writes++;
    fs.writev(fd, [Buffer.concat(pieces).subarray(0, pooled.parts.shift())], at, done);
  };
  return { ...fs, read, writev } as typeof fs;
});

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

it("reads and writes blocks in the thread pool only if the turn has no time left or the disk is slow", async () => {
  const path = join(await temporaryFolder(), "f");
  const file = await nodeFiles.create(path, undefined);
  let position = 0;
  const write = async (): Promise<void> => {
    await file.write([Buffer.from(`block ${position / 8} `)], position);
    position += 8;
  };
  await setImmediate();
  duration = 1;
  for (let i = 0; i < 4; i++) await write();
  expect(pooled.writes).toBe(0);
  await write();
  expect(pooled.writes).toBe(1);
  await setImmediate();
  await write();
  expect(pooled.writes).toBe(1);
  duration = 11;
  await write();
  duration = 0;
  await setImmediate();
  await write();
  expect(pooled.writes).toBe(2);
  // The slow call took 11 ms, so 220 ms pass.
  now += 219;
  await write();
  expect(pooled.writes).toBe(3);
  now += 1;
  // Turns have 4 ms each: the next two pay back what the call took longer.
  for (let turns = 0; turns < 2; turns++) await setImmediate();
  await write();
  expect(pooled.writes).toBe(3);
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
  const before = pooled.reads;
  duration = 5;
  expect(await read()).toBe(text);
  expect(pooled.reads).toBe(before);
  expect(await read()).toBe(text);
  expect(pooled.reads).toBe(before + 1);
  duration = 0;
  await reader.close();
});

/** Returns pieces of 48,001 bytes in all, two of them long. */
function piecesOf(value: number): Uint8Array<ArrayBuffer>[] {
  return [1, 5000, 3000, 40_000].map((length, index) => new Uint8Array(length).fill(value + index));
}

it("writes pieces at their position, also those that a call left out", async () => {
  const path = join(await temporaryFolder(), "f");
  const file = await nodeFiles.create(path, undefined);
  const expected = Buffer.concat([...piecesOf(10), ...piecesOf(20)]);
  await setImmediate();
  const { writes } = pooled;
  await file.write(piecesOf(10), 0);
  expect(pooled.writes).toBe(writes);
  // The disk is slow, so the thread pool writes: here as on a system that takes a part of the bytes.
  duration = 11;
  await file.write([new Uint8Array(1)], 48_001);
  expect(pooled.writes).toBe(writes);
  duration = 0;
  pooled.parts = [3, 4998];
  await file.write(piecesOf(20), 48_001);
  expect([pooled.writes - writes, pooled.parts]).toEqual([3, []]);
  await file.close();
  now += 200;
  expect(Buffer.compare(await readFile(path), expected)).toBe(0);
});

it("names the file that pieces cannot be written to", async () => {
  const path = join(await temporaryFolder(), "f");
  const file = await nodeFiles.create(path, undefined);
  await file.close();
  await expect(file.write([new Uint8Array(9)], 0)).rejects.toMatchObject({
    code: "file-unwritable",
    message: expect.stringContaining(path) as string,
  });
});
