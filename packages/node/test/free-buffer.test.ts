import { freeBuffer } from "nacre/extend";
import { expect, it, vi } from "vitest";

const MEBIBYTE = 1024 * 1024;

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
