import { type FileHandle, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, expect, it, vi } from "vitest";
import { nodeFiles } from "../src/near-files.ts";
import { temporaryFolder } from "./support.ts";

/** Time that the functions see, in milliseconds. */
let now = 1e9;
/** Time that each call takes. */
let duration = 0;
vi.spyOn(performance, "now").mockImplementation(() => {
  now += duration;
  return now;
});

afterEach(async () => {
  vi.restoreAllMocks();
  await setImmediate();
});

/** Counts the calls of a method of `FileHandle`, which runs in the thread pool. */
async function inThreadPool(method: "read" | "write"): Promise<{ readonly count: number }> {
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
  now += 200;
  await write();
  expect(writes.count).toBe(2);
  await file.close();
  const text = Array.from({ length: 9 }, (_, i) => `block ${i} `).join("");
  expect(await readFile(path, "utf8")).toBe(text);

  const reader = await nodeFiles.open(path, false);
  const read = async (): Promise<string> => {
    const buffer = Buffer.alloc(72);
    expect(await reader.read(buffer, 0)).toBe(72);
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
