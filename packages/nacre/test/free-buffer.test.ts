import { expect, it, vi } from "vitest";
import { freeBuffer, freeBuffers } from "../src/free-buffer.ts";

const MEBIBYTE = 1024 * 1024;

it("detaches the buffer, and leaves a detached buffer as it is", () => {
  const bytes = new Uint8Array(100);
  freeBuffer(bytes.buffer);
  expect(bytes).toHaveLength(0);
  freeBuffer(bytes.buffer);
  expect(bytes).toHaveLength(0);
});

it("detaches several buffers, also if one is detached already or occurs twice", () => {
  const bytes = [1, 0, 100, 200].map((length) => new Uint8Array(length));
  const buffers = bytes.map(({ buffer }) => buffer);
  freeBuffer(buffers[2]!);
  freeBuffers([...buffers, ...buffers]);
  expect(bytes.map(({ length }) => length)).toEqual([0, 0, 0, 0]);
  freeBuffers(buffers);
  freeBuffers([]);
});

it("frees the memory at once, although the buffers are still referenced", async () => {
  // On Node 20, the first messages wait until the port has closed.
  await vi.waitFor(() => {
    const before = process.memoryUsage().arrayBuffers;
    const buffers = Array.from({ length: 64 }, () => new ArrayBuffer(MEBIBYTE));
    for (const buffer of buffers) freeBuffer(buffer);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * MEBIBYTE);
    expect(buffers).toHaveLength(64);
  }, 10_000);
});
