import { equalBytes } from "@nacre/wire";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PacketReader } from "../src/index.ts";
import { newWriter, payloadOf, rawPacket, readAll, takeAll, toyCipher } from "./helpers.ts";

function stream(sizes: readonly number[]): Uint8Array {
  const writer = newWriter();
  for (const [i, size] of sizes.entries()) writer.write(payloadOf(size, i));
  return takeAll(writer);
}

/** Pushes `bytes`, split at the given positions, and reads all complete payloads after each piece. */
function readCut(reader: PacketReader, bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    reader.push(bytes.subarray(from, to));
    payloads.push(...readAll(reader));
    from = to;
  }
  return payloads;
}

describe("splitting the stream into packets", () => {
  it("returns the same payloads for each split into two chunks", () => {
    const sizes = [1, 30, 1, 200, 7];
    const bytes = stream(sizes);
    for (let cut = 0; cut <= bytes.length; cut++)
      expect(readCut(new PacketReader(), bytes, [cut])).toEqual(sizes.map((size, i) => payloadOf(size, i)));
  });

  it("returns the same payloads for single bytes", () => {
    const sizes = [1, 3000, 1, 9000];
    const bytes = stream(sizes);
    const cuts = Array.from(bytes.keys());
    expect(readCut(new PacketReader(), bytes, cuts)).toEqual(sizes.map((size, i) => payloadOf(size, i)));
  });

  it("returns the same payloads for any chunks, and never changes a returned payload", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 35_000 })), { maxLength: 40 }),
        fc.array(fc.integer({ min: 0, max: 70_000 }), { minLength: 1, maxLength: 10 }),
        fc.boolean(),
        (sizes, chunks, fresh) => {
          const toy = toyCipher({ blockSize: 8, lengthIsPadded: false, tagLength: 12, fresh });
          const writer = newWriter();
          writer.useSealer(toy.sealer, { resetSequence: false });
          for (const [i, size] of sizes.entries()) writer.write(payloadOf(size, i));
          const bytes = takeAll(writer);
          const reader = new PacketReader();
          reader.useOpener(toy.opener, { resetSequence: false });
          const cuts: number[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            at += Math.max(chunks[i % chunks.length] ?? 0, 40);
            cuts.push(Math.min(at, bytes.length));
          }
          const payloads = readCut(reader, bytes, cuts);
          expect(payloads.length).toBe(sizes.length);
          for (const [i, size] of sizes.entries()) expect(equalBytes(payloads[i]!, payloadOf(size, i))).toBe(true);
          expect(reader.buffered).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("accepts many chunks before the first read", () => {
    const sizes = Array.from({ length: 200 }, (_, i) => 1 + ((i * 997) % 6000));
    const bytes = stream(sizes);
    const reader = new PacketReader();
    for (let i = 0; i < bytes.length; i += 1000) reader.push(bytes.subarray(i, i + 1000));
    const payloads = readAll(reader);
    expect(payloads.length).toBe(sizes.length);
    for (const [i, size] of sizes.entries()) expect(equalBytes(payloads[i]!, payloadOf(size, i))).toBe(true);
  });

  it("returns undefined until the packet is complete", () => {
    const bytes = stream([50]);
    const reader = new PacketReader();
    expect(reader.next()).toBeUndefined();
    for (const byte of bytes.subarray(0, -1)) {
      reader.push(Uint8Array.of(byte));
      expect(reader.next()).toBeUndefined();
    }
    expect(reader.buffered).toBe(bytes.length - 1);
    reader.push(bytes.subarray(-1));
    expect(reader.next()).toEqual(payloadOf(50, 0));
    expect(reader.next()).toBeUndefined();
  });

  it("reads the header of each packet once", () => {
    let asked = 0;
    const toy = toyCipher({ blockSize: 16, lengthIsPadded: false, tagLength: 4 });
    const writer = newWriter();
    writer.useSealer(toy.sealer, { resetSequence: false });
    writer.write(payloadOf(100));
    const reader = new PacketReader();
    reader.useOpener(
      {
        ...toy.opener,
        readLength: (number, slab, offset) => {
          asked++;
          return toy.opener.readLength(number, slab, offset);
        },
      },
      { resetSequence: false },
    );
    const bytes = takeAll(writer);
    expect(readCut(reader, bytes, Array.from(bytes.keys()))).toEqual([payloadOf(100)]);
    expect(asked).toBe(1);
  });
});

describe("ownership of bytes", () => {
  it("copies the caller's chunk and does not change it", () => {
    const bytes = stream([10, 5000, 40_000]);
    const chunk = bytes.slice();
    const reader = new PacketReader();
    reader.push(chunk);
    expect(chunk).toEqual(bytes);
    chunk.fill(0xaa);
    expect(readAll(reader)).toEqual([payloadOf(10, 0), payloadOf(5000, 1), payloadOf(40_000, 2)]);
    expect(chunk.every((byte) => byte === 0xaa)).toBe(true);
  });

  it("copies payloads, so that a payload does not keep a slab in memory", () => {
    const reader = new PacketReader();
    reader.push(stream([1, 1023, 1024, 30_000]));
    expect(readAll(reader).map((payload) => payload.buffer.byteLength)).toEqual([1, 1023, 1024, 30_000]);
  });

  it("starts packets at multiples of 4 bytes for any tag length", () => {
    for (let tagLength = 4; tagLength < 9; tagLength++) {
      const toy = toyCipher({ blockSize: 8, lengthIsPadded: true, tagLength });
      const writer = newWriter();
      writer.useSealer(toy.sealer, { resetSequence: false });
      const sizes = [2000, 3, 5000, 2];
      for (const size of sizes) writer.write(payloadOf(size));
      const offsets: number[] = [];
      const reader = new PacketReader();
      reader.useOpener(
        {
          ...toy.opener,
          readLength: (number, slab, offset) => {
            offsets.push(slab.byteOffset + offset);
            return toy.opener.readLength(number, slab, offset);
          },
        },
        { resetSequence: false },
      );
      reader.push(takeAll(writer));
      expect(readAll(reader)).toEqual(sizes.map((size) => payloadOf(size)));
      expect(offsets.every((offset) => offset % 4 === 0)).toBe(true);
    }
  });
});

describe("validation of packets (RFC 4253 §6)", () => {
  it.each([0, 1, 4, 5, 11, 13, 19, 262_148, 2 ** 31, 2 ** 32 - 1])(
    "rejects a packet length of %i after the header",
    (size) => {
      expect(failure(rawPacket(size, 4, 0))).toBe("packet-length");
    },
  );

  it.each([12, 20, 34_996, 262_140])("waits for a packet of length %i", (size) => {
    expect(failure(rawPacket(size, 4, 0))).toBe("more");
  });

  it("accepts the maximum length and rejects one more block", () => {
    expect(failure(rawPacket(1004, 4, 1004), 1004)).toBe("payload");
    expect(failure(rawPacket(1012, 4, 1012), 1004)).toBe("packet-length");
  });

  it.each([
    [12, 0, "packet-padding"],
    [12, 3, "packet-padding"],
    [12, 4, "payload"],
    [12, 10, "payload"],
    [12, 11, "packet-padding"],
    [12, 12, "packet-padding"],
    [12, 255, "packet-padding"],
    [260, 255, "payload"],
    [260, 3, "packet-padding"],
  ])("a packet of length %i with %i bytes of padding: %s", (size, padding, result) => {
    expect(failure(rawPacket(size, padding, size))).toBe(result);
  });

  it.each([
    [8, true, 12, [11, 13, 16, 4]],
    [8, false, 8, [7, 9, 12, 0]],
    [16, true, 12, [16, 20, 11, 28 + 8]],
    [16, false, 16, [8, 12, 15, 17]],
  ])(
    "blocks of %i, length field padded %s: accepts packet length %i, rejects %j",
    (blockSize, lengthIsPadded, good, bad) => {
      const toy = toyCipher({ blockSize, lengthIsPadded, tagLength: 16 });
      const attempt = (size: number): Uint8Array | undefined => {
        const reader = new PacketReader();
        reader.useOpener(toy.opener, { resetSequence: false });
        reader.push(rawPacket(size, 4, 0));
        return reader.next();
      };
      expect(attempt(good)).toBeUndefined();
      for (const size of bad) expect(() => attempt(size)).toThrow(expect.objectContaining({ code: "packet-length" }));
    },
  );

  it("does not disclose a decrypted length", () => {
    const reader = new PacketReader();
    reader.useOpener(toyCipher({ blockSize: 8, lengthIsPadded: true, tagLength: 16 }).opener, { resetSequence: false });
    reader.push(rawPacket(123_456_789, 4, 0));
    expect(() => reader.next()).toThrow(expect.objectContaining({ message: expect.not.stringContaining("123456789") }));
  });
});

describe("counting", () => {
  it("numbers packets from 0, and counts packets and bytes under the current keys", () => {
    const reader = new PacketReader();
    expect(reader.counts.sequenceNumber).toBe(-1);
    reader.push(stream([1, 100]));
    readAll(reader);
    expect(reader.counts.sequenceNumber).toBe(1);
    expect(reader.counts.packetsSinceKeys).toBe(2);
    expect(reader.counts.bytesSinceKeys).toBe(16 + 112);
    expect(reader.counts.lastPacketLength).toBe(112);
  });

  it("passes the sequence number to the opener: it continues or restarts with new keys, and wraps at 2^32", () => {
    const numbers: number[] = [];
    const toy = toyCipher({ blockSize: 8, lengthIsPadded: true, tagLength: 0 });
    const opener = {
      ...toy.opener,
      open: (sequenceNumber: number, slab: Uint8Array<ArrayBuffer>, offset: number, length: number) => {
        numbers.push(sequenceNumber);
        return slab.subarray(offset + 4, offset + length);
      },
    };
    const reader = new PacketReader({ start: { sequenceNumber: 0xffff_fffe } });
    const one = stream([1]);
    reader.push(one);
    reader.next();
    reader.useOpener(opener, { resetSequence: false });
    reader.push(one);
    reader.push(one);
    readAll(reader);
    reader.useOpener(opener, { resetSequence: true });
    expect(reader.counts.packetsSinceKeys).toBe(0);
    reader.push(one);
    readAll(reader);
    expect(numbers).toEqual([0xffff_ffff, 0, 0]);
  });

  it("accepts no sequence number twice under the same keys", () => {
    const reader = new PacketReader({ start: { packetsSinceKeys: 0xffff_ffff } });
    reader.push(stream([1, 1]));
    expect(reader.next()).toBeDefined();
    expect(() => reader.next()).toThrow(expect.objectContaining({ code: "sequence-exhausted" }));
  });

  it("changes keys between packets only", () => {
    const reader = new PacketReader();
    reader.push(stream([100]).subarray(0, 20));
    reader.next();
    expect(() =>
      reader.useOpener(toyCipher({ blockSize: 8, lengthIsPadded: true, tagLength: 4 }).opener, { resetSequence: true }),
    ).toThrow(expect.objectContaining({ code: "internal" }));
  });
});

describe("releaseBuffers()", () => {
  it("keeps returned payloads unchanged, and the stream continues after it", () => {
    const bytes = stream([10, 2000, 300, 5000]);
    for (const cut of [0, 3, 20, 1000, 2040, bytes.length]) {
      const reader = new PacketReader();
      reader.push(bytes.subarray(0, cut));
      const payloads = readAll(reader);
      const before = payloads.map((payload) => payload.slice());
      reader.releaseBuffers();
      reader.releaseBuffers();
      reader.push(bytes.subarray(cut));
      payloads.push(...readAll(reader));
      expect(payloads.map(({ length }) => length)).toEqual([10, 2000, 300, 5000]);
      expect(payloads.slice(0, before.length)).toEqual(before);
      expect(reader.buffered).toBe(0);
    }
  });
});

/** Returns the error code of the first packet; `payload` if it is valid, `more` if it is incomplete. */
function failure(bytes: Uint8Array, maxPacketLength?: number): string {
  const reader = new PacketReader(maxPacketLength === undefined ? {} : { maxPacketLength });
  reader.push(bytes);
  try {
    return reader.next() === undefined ? "more" : "payload";
  } catch (error) {
    // The error is permanent.
    expect(() => reader.next()).toThrow(error);
    return (error as { code: string }).code;
  }
}
