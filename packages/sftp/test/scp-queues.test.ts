import { expectError } from "@nacre/testing/errors";
import { utf8Encode } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { ByteQueue } from "../src/scp/byte-queue.ts";
import { OutputQueue } from "../src/scp/output-queue.ts";
import { encodeRecord } from "../src/scp.ts";

describe("ByteQueue", () => {
  it("finds a newline at the start of a later chunk", () => {
    const queue = new ByteQueue();
    queue.push(new Uint8Array(2000).fill(97));
    queue.push(utf8Encode("\nrest"));
    expect(queue.line()).toEqual(new Uint8Array(2000).fill(97));
    expect([queue.line(), queue.length, queue.first]).toEqual([undefined, 4, 114]);
  });

  it("ignores empty chunks", () => {
    const queue = new ByteQueue();
    queue.push(new Uint8Array(0));
    queue.push(utf8Encode("a".repeat(2000)));
    expect([queue.first, queue.length]).toEqual([97, 2000]);
  });
});

describe("OutputQueue", () => {
  it("takes a report of any whole number of the bytes, and no other", () => {
    const queue = new OutputQueue();
    queue.push(utf8Encode("abc"));
    for (const length of [-1, 1.5, 4, Number.NaN]) expectError("usage", () => queue.sent(length));
    queue.sent(0);
    queue.sent(2);
    expect(queue.unsent).toEqual(utf8Encode("c"));
    expectError("usage", () => queue.sent(2));
    queue.sent(1);
    queue.sent(0);
    expect(queue.unsent).toHaveLength(0);
  });
});

it.each([-1, 0.5, 0o10000])("does not encode the mode %d", (mode) => {
  expectError("usage", () => encodeRecord({ type: "file", mode, size: 0, name: utf8Encode("f") }));
});
