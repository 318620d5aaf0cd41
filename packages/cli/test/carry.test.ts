import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, test, vi } from "vitest";
import { carry, inputFor } from "../src/ssh/carry.ts";

const LENGTH = 32 * 1024;

/** A stream that counts its bytes, and fails once it has more than `most`. */
function counter(most = Number.POSITIVE_INFINITY, error?: NodeJS.ErrnoException) {
  const taken = { bytes: 0 };
  const stream = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      taken.bytes += chunk.length;
      callback(taken.bytes > most ? error : null);
    },
  });
  stream.on("error", () => {});
  return { stream, taken };
}

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: the reason`), { code });
}

describe("output that is carried to standard output", () => {
  test("leaves it open, and resolves with true when all is written", async () => {
    const { stream, taken } = counter();
    await expect(carry(Readable.from([Buffer.from("one"), Buffer.from("two")]), stream, "it")).resolves.toBe(true);
    expect(taken.bytes).toBe(6);
    expect(stream.writableEnded).toBe(false);
  });

  test("resolves with false if the reader has gone away, and destroys the output", async () => {
    const from = Readable.from([Buffer.from("one"), Buffer.from("two"), Buffer.from("three")]);
    await expect(carry(from, counter(3, failure("EPIPE")).stream, "it")).resolves.toBe(false);
    expect(from.destroyed).toBe(true);
  });

  test("rejects with file-unwritable if there is no space", async () => {
    const from = Readable.from([Buffer.from("one")]);
    await expect(carry(from, counter(0, failure("ENOSPC")).stream, "standard output")).rejects.toMatchObject({
      code: "file-unwritable",
      message: "cannot write standard output: ENOSPC: the reason",
    });
  });
});

test("input is passed on, and ends the stream that takes it", async () => {
  const { stream, taken } = counter();
  await pipeline(Readable.from([Buffer.from("one"), Buffer.from("two")]), inputFor(stream));
  expect(taken.bytes).toBe(6);
  expect(stream.writableFinished).toBe(true);
});

test.each([
  ["output", (from: Readable, to: Writable) => carry(from, to, "it")],
  ["input", (from: Readable, to: Writable) => pipeline(from, inputFor(to))],
])("the memory of %s is freed once it is taken", async (_, pass) => {
  // On Node 20, the first messages wait until the port has closed.
  await vi.waitFor(async () => {
    const { stream, taken } = counter();
    const chunk = Buffer.from(new ArrayBuffer(LENGTH));
    await pass(Readable.from([chunk]), stream);
    expect(taken.bytes).toBe(LENGTH);
    expect(chunk.length).toBe(0);
  });
});
