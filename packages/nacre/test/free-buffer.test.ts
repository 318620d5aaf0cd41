import { expect, it } from "vitest";
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
