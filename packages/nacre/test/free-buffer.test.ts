import { expect, it, vi } from "vitest";
import { freeBuffer, freeBuffers } from "../src/free-buffer.ts";

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

it("does nothing on a platform that cannot detach buffers", () => {
  const prototype = ArrayBuffer.prototype as { transfer?: unknown };
  const { transfer } = prototype;
  vi.stubGlobal("MessageChannel", undefined);
  prototype.transfer = undefined;
  try {
    const bytes = new Uint8Array(100);
    freeBuffer(bytes.buffer);
    expect(bytes).toHaveLength(100);
  } finally {
    if (transfer === undefined) delete prototype.transfer;
    else prototype.transfer = transfer;
    vi.unstubAllGlobals();
  }
});
