import { describe, expect, test, vi } from "vitest";
import { freeOwned, notePacket } from "../src/net/packet-buffers.ts";

const LENGTH = 32 * 1024;

describe("the memory of bytes that are not used any more", () => {
  test.each([
    ["bytes that fill their buffer", () => new Uint8Array(LENGTH)],
    ["the data of a received packet", () => notePacket(new Uint8Array(LENGTH + 20)).subarray(14, LENGTH + 14)],
  ])("is freed for %s", async (_, bytes) => {
    // On Node 20, the first messages wait until the port has closed.
    await vi.waitFor(() => {
      const freed = bytes();
      freeOwned(freed);
      expect(freed.buffer.byteLength).toBe(0);
    });
  });

  test.each([
    ["a part of a larger buffer", () => new Uint8Array(2 * LENGTH).subarray(0, LENGTH)],
    ["a part that is nearly the whole of another buffer", () => new Uint8Array(LENGTH + 20).subarray(0, LENGTH)],
    ["bytes too short to be worth it", () => new Uint8Array(100)],
  ])("is kept for %s", (_, bytes) => {
    const kept = bytes();
    freeOwned(kept);
    expect(kept.buffer.byteLength).toBeGreaterThan(0);
  });
});
