import { expect, it, vi } from "vitest";
import { freeBuffers } from "../src/free-buffer.ts";

const MEBIBYTE = 1024 * 1024;

it("detaches each buffer once, and leaves a detached buffer as it is", () => {
  const bytes = Array.from({ length: 3 }, () => new Uint8Array(100));
  const [first, second, third] = bytes.map(({ buffer }) => buffer);
  freeBuffers([first!]);
  expect(bytes.map(({ length }) => length)).toEqual([0, 100, 100]);
  freeBuffers([first!, second!, third!, second!]);
  expect(bytes.map(({ length }) => length)).toEqual([0, 0, 0]);
  freeBuffers([first!, first!]);
  expect(bytes.map(({ length }) => length)).toEqual([0, 0, 0]);
});

it("frees the memory at once, although the buffers are still referenced", async () => {
  // On Node 20, the first messages wait until the port has closed.
  await vi.waitFor(() => {
    const before = process.memoryUsage().arrayBuffers;
    const buffers = Array.from({ length: 64 }, () => new ArrayBuffer(MEBIBYTE));
    freeBuffers(buffers);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * MEBIBYTE);
    expect(buffers).toHaveLength(64);
  }, 10_000);
});
