import { expectError } from "@nacre/testing/errors";
import { concatBytes, toHex, Writer } from "@nacre/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameReader } from "../src/frame-reader.ts";
import { OutputBuffer } from "../src/output-buffer.ts";

const packets = fc.array(
  fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 40 }),
    fc.integer({ min: 1, max: 9000 }).map((length) => new Uint8Array(length).fill(length)),
  ),
  { maxLength: 6 },
);

function stream(all: readonly Uint8Array[]): Uint8Array {
  return concatBytes(...all.map((packet) => new Writer().string(packet).finish()));
}

/** Cuts bytes at the given lengths, the last again and again. */
function cut(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[Math.min(i, lengths.length - 1)]!;
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

/** Returns the packets in chunks of a stream. Each way of reading a packet is used in turn. */
function packetsIn(chunks: readonly Uint8Array[], maxLength = 1 << 20): Uint8Array[] {
  const reader = new FrameReader(maxLength);
  const found: Uint8Array[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    while (reader.next()) {
      const { remaining } = reader;
      const first = reader.byteAt(0);
      if (found.length % 3 === 0) {
        found.push(reader.take(remaining));
      } else {
        const head = found.length % 3 === 1 ? reader.take(1) : Uint8Array.of(first);
        if (found.length % 3 === 2) reader.skip(1);
        const rest = new Uint8Array(remaining - 1);
        reader.copy(rest);
        found.push(concatBytes(head, rest));
      }
    }
  }
  return found;
}

describe("a stream of packets", () => {
  it("has the same packets for any chunks", () => {
    const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5000 })), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(packets, lengths, (all, chunkLengths) => {
        expect(packetsIn(cut(stream(all), chunkLengths)).map(toHex)).toEqual(all.map(toHex));
      }),
    );
  });

  it("is read byte by byte, with short packets that share a chunk and long ones that fill several", () => {
    const all = [1, 2000, 3, 8192, 5, 20_000].map((length) => new Uint8Array(length).fill(length & 0xff));
    expect(packetsIn(cut(stream(all), [1])).map(toHex)).toEqual(all.map(toHex));
  });

  it("copies each packet, within one chunk and across chunks, to a buffer of its own", () => {
    const chunk = stream([new Uint8Array(2000), new Uint8Array(2000)]);
    const reader = new FrameReader(4096);
    reader.push(chunk.subarray(0, 3000));
    reader.push(chunk.subarray(3000));
    reader.next();
    const first = reader.take(2000);
    reader.next();
    const second = reader.take(2000);
    chunk.fill(9);
    expect([first, second]).toEqual([new Uint8Array(2000), new Uint8Array(2000)]);
    expect([first.buffer.byteLength, second.buffer.byteLength]).toEqual([2000, 2000]);
    expect([reader.held, reader.isInside]).toEqual([0, false]);
  });

  it("is read in pieces that share no buffer with other bytes, for any packets and chunks", () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(lengths, lengths, fc.infiniteStream(fc.boolean()), (packetLengths, chunkLengths, isWhole) => {
        const all = packetLengths.map((length, index) => new Uint8Array(length).fill(index + 1));
        const reader = new FrameReader(1 << 20);
        /** Bytes that stay valid, as those of a file's name. */
        const kept: [number, Uint8Array][] = [];
        let count = 0;
        for (const chunk of cut(stream(all), chunkLengths)) {
          reader.push(chunk.slice());
          for (; reader.next(); count++) {
            const length = isWhole.next().value === true ? reader.remaining : Math.ceil(reader.remaining / 2);
            kept.push([count + 1, reader.take(reader.remaining - length)]);
            const pieces = reader.takePieces(length);
            expect(pieces.every((piece) => piece.length > 0)).toBe(true);
            expect(toHex(concatBytes(...pieces))).toBe(toHex(all[count]!.subarray(0, length)));
            for (const { buffer } of pieces) new Uint8Array(buffer).fill(0xee);
          }
        }
        expect(count).toBe(all.length);
        for (const [value, bytes] of kept) expect(bytes.every((byte) => byte === value)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("is read in copies of short chunks, which share a buffer", () => {
    const all = [996, 2000, 996].map((length, index) => new Uint8Array(length).fill(index + 1));
    const reader = new FrameReader(4096);
    for (const packet of all) reader.push(stream([packet]));
    for (const packet of all) {
      reader.next();
      const pieces = reader.takePieces(packet.length);
      expect(pieces).toEqual([packet]);
      new Uint8Array(pieces[0]!.buffer).fill(0xee);
    }
  });

  it("is read without a copy of a piece that ends a long chunk", () => {
    const bytes = stream([new Uint8Array(40_000)]);
    const chunks = [bytes.slice(0, 20_000), bytes.slice(20_000)];
    const reader = new FrameReader(1 << 20);
    for (const chunk of chunks) reader.push(chunk);
    reader.next();
    const pieces = reader.takePieces(30_000).concat(reader.takePieces(10_000));
    expect(pieces.map(({ length }) => length)).toEqual([19_996, 10_004, 10_000]);
    expect(pieces.map(({ buffer }) => chunks.findIndex((chunk) => chunk.buffer === buffer))).toEqual([0, -1, 1]);
  });

  it("copies short chunks, so that they do not keep the caller's buffer", () => {
    const chunk = stream([Uint8Array.of(1, 2, 3)]);
    const reader = new FrameReader(4096);
    reader.push(chunk);
    chunk.fill(9);
    reader.next();
    expect(reader.take(3)).toEqual(Uint8Array.of(1, 2, 3));
  });

  it.each([
    ["0", [0, 0, 0, 0]],
    ["more than the limit", [0, 0, 4, 1]],
    ["2^32 - 1", [255, 255, 255, 255]],
  ])("is refused at a length of %s, before the packet arrives", (_, bytes) => {
    const reader = new FrameReader(1024);
    reader.push(Uint8Array.from(bytes));
    expectError("packet-length", () => reader.next());
  });

  it("stands inside a packet from the first byte of its length", () => {
    const reader = new FrameReader(1024);
    expect(reader.isInside).toBe(false);
    reader.push(Uint8Array.of(0));
    expect([reader.next(), reader.isInside]).toEqual([false, true]);
    reader.push(Uint8Array.of(0, 0, 2, 7));
    expect([reader.next(), reader.isInside]).toEqual([false, true]);
    reader.push(Uint8Array.of(8));
    expect(reader.next()).toBe(true);
    reader.skip(2);
    expect(reader.isInside).toBe(false);
  });
});

describe("the output buffer", () => {
  it("has the unsent bytes of all packets, sent in pieces of any length", () => {
    const step = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 3000 }), fc.double({ min: 0, max: 1, noNaN: true }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const output = new OutputBuffer();
        let twin: Uint8Array = new Uint8Array(0);
        for (const one of steps) {
          if (typeof one === "number") {
            const length = Math.floor(one * twin.length);
            output.sent(length);
            twin = twin.slice(length);
          } else {
            output.packet(one);
            twin = concatBytes(twin, stream([one]));
          }
          expect(output.length).toBe(twin.length);
          expect(toHex(output.unsent)).toBe(toHex(twin));
        }
      }),
      { numRuns: 50 },
    );
  });

  it("keeps a large buffer during a bulk transfer, and releases it after a short packet", () => {
    const output = new OutputBuffer();
    const send = (length: number): number => {
      output.packet(new Uint8Array(length));
      output.sent(output.length);
      return output.size;
    };
    const size = send(1_000_000);
    expect(size).toBeGreaterThanOrEqual(1_000_000);
    expect(send(900_000)).toBe(size);
    expect(send(100)).toBe(0);
    expect(send(100)).toBeLessThanOrEqual(4096);
  });

  it.each([-1, 0.5, 9, Number.NaN])("refuses %d sent bytes of 8", (length) => {
    const output = new OutputBuffer();
    output.packet(new Uint8Array(4));
    expectError("usage", () => output.sent(length));
  });
});
