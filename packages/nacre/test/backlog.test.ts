import { concatBytes, equalBytes } from "@nacre/wire";
import { Backlog } from "nacre/extend";
import { describe, expect, it } from "vitest";

/** Returns bytes that depend on their position. */
function numbered(from: number, length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (from + i) % 251);
}

/** Empties a backlog. Returns its bytes and credit, and the number and total size of the buffers that it held. */
function drained(backlog: Backlog): { bytes: Uint8Array; credit: number; buffers: number; held: number } {
  const parts: Uint8Array[] = [];
  let credit = 0;
  for (let chunk = backlog.shift(); chunk !== undefined; chunk = backlog.shift()) {
    parts.push(chunk.bytes);
    credit += chunk.credit;
  }
  const buffers = new Set(parts.map(({ buffer }) => buffer));
  const held = [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
  return { bytes: concatBytes(...parts), credit, buffers: buffers.size, held };
}

describe("Backlog", () => {
  it.each([
    ["single bytes", [1]],
    ["chunks just small enough to be combined", [4095]],
    ["alternating small and large chunks", [1, 4096]],
    ["chunks that just do not fit into one block", [4095, 4097]],
    ["chunks of many sizes", [1, 5000, 3, 0, 4095, 2, 2, 9000, 700]],
  ])("returns the bytes in order and uses little more memory than they need: %s", (_, lengths) => {
    const backlog = new Backlog();
    const sent: Uint8Array[] = [];
    for (let i = 0, from = 0; from < 200_000; i++) {
      const bytes = numbered(from, lengths[i % lengths.length]!);
      sent.push(bytes);
      backlog.push(bytes, bytes.length);
      from += Math.max(1, bytes.length);
    }
    const all = Uint8Array.from(sent.flatMap((bytes) => [...bytes]));
    const { bytes, credit, buffers, held } = drained(backlog);
    expect(equalBytes(bytes, all)).toBe(true);
    expect(credit).toBe(all.length);
    expect(buffers).toBeLessThanOrEqual((2 * all.length) / 4096 + 1);
    expect(held).toBeLessThanOrEqual(2 * all.length + 8192);
  });

  it("copies a small chunk out of a large buffer", () => {
    const backlog = new Backlog();
    for (let i = 0; i < 10; i++) {
      const slab = new Uint8Array(256 * 1024).fill(i);
      backlog.push(slab.subarray(1000, 1000 + 5000), 5000);
      slab.fill(255);
    }
    const { bytes, held } = drained(backlog);
    expect(Array.from({ length: 10 }, (_, i) => bytes[i * 5000])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(held).toBe(50_000);
  });

  it("does not change chunks that it has returned", () => {
    const backlog = new Backlog();
    backlog.push(Uint8Array.of(1), 1);
    backlog.push(Uint8Array.of(2), 1);
    const first = backlog.shift()!;
    backlog.push(Uint8Array.of(3), 1);
    backlog.push(Uint8Array.of(4), 1);
    expect([...first.bytes]).toEqual([1, 2]);
    expect([...backlog.shift()!.bytes]).toEqual([3, 4]);
    expect(backlog.shift()).toBeUndefined();
  });

  it("returns everything as one array", () => {
    const backlog = new Backlog();
    const all = numbered(0, 200_000);
    for (let i = 0; i < all.length; i++) backlog.push(all.subarray(i, i + 1), 0);
    expect(equalBytes(backlog.takeAll(), all)).toBe(true);
    expect(backlog.isEmpty).toBe(true);
  });

  it("clears everything and returns the credit", () => {
    const backlog = new Backlog();
    for (const length of [1, 2, 5000]) backlog.push(new Uint8Array(length), length);
    expect(backlog.clear()).toBe(5003);
    expect(backlog.isEmpty).toBe(true);
  });
});
