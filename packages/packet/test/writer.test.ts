import { equalBytes } from "@nacre/wire";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PacketSealer, PacketWriter } from "../src/index.ts";
import { countingRandom, join, newWriter, payloadOf, takeAll, toyCipher } from "./helpers.ts";

const length = (packet: Uint8Array): number => new DataView(packet.buffer, packet.byteOffset).getUint32(0);

describe("the format of a packet (RFC 4253 §6)", () => {
  it("is length, padding length, payload and the shortest valid padding, in blocks of 8", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 35_000 }), (size) => {
        const writer = newWriter();
        writer.write(payloadOf(size));
        const packet = takeAll(writer);
        expect(packet.length % 8).toBe(0);
        expect(packet.length).toBeGreaterThanOrEqual(16);
        expect(length(packet)).toBe(packet.length - 4);
        const padding = packet[4] ?? 0;
        expect(padding).toBeGreaterThanOrEqual(4);
        expect(padding).toBeLessThan(12);
        expect(packet.length).toBe(5 + size + padding);
        expect(equalBytes(payloadOf(size), packet.subarray(5, 5 + size))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    [8, true, 1, 16],
    [8, false, 1, 12],
    [16, true, 1, 16],
    [16, false, 1, 20],
    [16, true, 7, 16],
    [16, true, 8, 32],
    [16, false, 11, 20],
    [16, false, 12, 36],
  ])(
    "blocks of %i, length field padded %s: a payload of %i bytes makes a packet of %i",
    (blockSize, lengthIsPadded, size, whole) => {
      const writer = newWriter();
      writer.useSealer(toyCipher({ blockSize, lengthIsPadded, tagLength: 8 }).sealer, { resetSequence: false });
      writer.write(payloadOf(size));
      expect(takeAll(writer).length).toBe(whole + 8);
    },
  );

  it("fills the padding with random bytes, each used once, and calls the random source rarely", () => {
    const calls: number[] = [];
    const random = countingRandom();
    const writer = new PacketWriter({
      random: (size) => {
        calls.push(size);
        return random(size);
      },
    });
    const paddings = Array.from({ length: 100 }, () => {
      writer.write(payloadOf(4));
      return [...takeAll(writer).subarray(9)].join();
    });
    expect(new Set(paddings).size).toBe(100);
    expect(calls.length).toBe(1);
  });

  it("rejects an empty payload", () => {
    expect(() => newWriter().write(new Uint8Array(0))).toThrow(expect.objectContaining({ code: "internal" }));
  });
});

describe("begin and commit", () => {
  it("produce the same output as write", () => {
    const one = newWriter();
    const other = newWriter();
    for (const size of [1, 5, 1000, 40_000]) {
      one.write(payloadOf(size));
      other.begin(size).set(payloadOf(size));
      other.commit();
    }
    expect(takeAll(other)).toEqual(takeAll(one));
  });

  it("must alternate", () => {
    const writer = newWriter();
    expect(() => writer.commit()).toThrow(expect.objectContaining({ code: "internal" }));
    writer.begin(3);
    expect(() => writer.write(payloadOf(1))).toThrow(expect.objectContaining({ code: "internal" }));
    expect(() => writer.begin(3)).toThrow(expect.objectContaining({ code: "internal" }));
    expect(() => writer.writeRaw(payloadOf(1))).toThrow(expect.objectContaining({ code: "internal" }));
    writer.commit();
    expect(() => writer.commit()).toThrow(expect.objectContaining({ code: "internal" }));
  });

  it("and extend in between produce the same output as one write", () => {
    const one = newWriter();
    const other = newWriter();
    for (const sizes of [
      [1, 1],
      [7, 1, 8, 300],
      [100, 1000],
    ]) {
      const whole = sizes.reduce((sum, size) => sum + size, 0);
      one.write(payloadOf(whole));
      let payload = other.begin(sizes[0]!);
      payload.set(payloadOf(whole).subarray(0, sizes[0]));
      for (const size of sizes.slice(1)) {
        const at = payload.length;
        payload = other.extend(size)!;
        expect(payload.length).toBe(at + size);
        payload.set(payloadOf(whole).subarray(at, at + size), at);
      }
      other.commit();
    }
    expect(takeAll(other)).toEqual(takeAll(one));
  });

  it("keep a payload as it is if it cannot be extended", () => {
    const writer = newWriter();
    expect(writer.extend(1)).toBeUndefined();
    writer.begin(10).set(payloadOf(10));
    // The first slab has 3 KiB; a payload of 4 KiB or more may be sealed outside of it.
    for (const more of [3 * 1024, 4 * 1024, 100_000]) expect(writer.extend(more)).toBeUndefined();
    writer.commit();
    expect(takeAll(writer).subarray(5, 15)).toEqual(payloadOf(10));
    expect(writer.extend(1)).toBeUndefined();
    writer.begin(30_000);
    writer.commit();
    writer.begin(10);
    expect(writer.extend(4 * 1024 - 11)).toHaveLength(4 * 1024 - 1);
    expect(writer.extend(1)).toBeUndefined();
  });

  it("keep an unfinished packet out of the output", () => {
    const writer = newWriter();
    writer.write(payloadOf(1));
    writer.begin(3);
    expect(writer.pending).toBe(16);
    expect(takeAll(writer).length).toBe(16);
    writer.commit();
    expect(takeAll(writer).length).toBe(16);
  });
});

describe("the output", () => {
  it.each([
    ["in place", undefined],
    ["separately without the length field", "body" as const],
    ["separately as a whole", "whole packet" as const],
  ])("is complete and in order for any sequence of writes and takes, sealed %s", (_, apart) => {
    const cipher = { blockSize: 8, lengthIsPadded: true, tagLength: 6 };
    const resetSequence = false;
    const step = fc.oneof(
      fc.integer({ min: 1, max: 70_000 }).map((size) => ({ do: "write" as const, size })),
      fc.integer({ min: 1, max: 300 }).map((size) => ({ do: "write" as const, size })),
      fc.integer({ min: 0, max: 300 }).map((size) => ({ do: "raw" as const, size })),
      fc.constant({ do: "take" as const, size: 0 }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const writer = newWriter();
        writer.useSealer(toyCipher({ ...cipher, ...(apart && { apart }) }).sealer, { resetSequence });
        // The reference seals in place, and its output is taken after each write.
        const twin = newWriter();
        twin.useSealer(toyCipher(cipher).sealer, { resetSequence });
        const taken: Uint8Array[] = [];
        const copies: Uint8Array[] = [];
        const expected: Uint8Array[] = [];
        for (const [i, one] of steps.entries()) {
          if (one.do === "take") {
            for (const output of writer.takeOutput()) {
              taken.push(output);
              copies.push(output.slice());
            }
            continue;
          }
          if (one.do === "raw") {
            writer.writeRaw(payloadOf(one.size, i));
            twin.writeRaw(payloadOf(one.size, i));
          } else {
            writer.write(payloadOf(one.size, i));
            twin.write(payloadOf(one.size, i));
          }
          expected.push(takeAll(twin));
          expect(writer.pending).toBe(sum(expected) - sum(taken));
        }
        for (const output of writer.takeOutput()) {
          taken.push(output);
          copies.push(output.slice());
        }
        expect(writer.pending).toBe(0);
        expect(equalBytes(join(taken), join(expected))).toBe(true);
        // Output does not change after it is taken.
        expect(equalBytes(join(taken), join(copies))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it("contains the result of sealApart without a copy, for payloads from 4 KiB on", () => {
    const toy = toyCipher({ blockSize: 8, lengthIsPadded: true, tagLength: 8, apart: "body" });
    const sealed: Uint8Array[] = [];
    const writer = newWriter();
    writer.useSealer(
      {
        ...toy.sealer,
        sealApart: (...packet) => {
          const bytes = toy.sealer.sealApart!(...packet);
          sealed.push(bytes);
          return bytes;
        },
      },
      { resetSequence: false },
    );
    writer.write(payloadOf(4095));
    takeAll(writer);
    expect(sealed).toEqual([]);
    for (const size of [100, 4096, 33_000]) writer.write(payloadOf(size));
    const pieces = writer.takeOutput();
    expect(sealed).toHaveLength(2);
    expect(pieces.map((piece) => sealed.indexOf(piece))).toEqual([-1, 0, -1, 1, -1]);
    // The tag of one packet and the length field of the next form one piece.
    expect(pieces.slice(2).map(({ length }) => length)).toEqual([8 + 4, expect.any(Number), 8]);
  });

  it("is one piece for the identification string and the packets after it", () => {
    const writer = newWriter();
    writer.writeRaw(new TextEncoder().encode("SSH-2.0-Nacre\r\n"));
    writer.write(payloadOf(1000));
    writer.write(payloadOf(10));
    expect(writer.takeOutput().map(({ length }) => length)).toEqual([15 + 1016 + 24]);
    expect(writer.takeOutput()).toEqual([]);
  });

  it("has packets at multiples of 4 bytes after an identification string of any length", () => {
    for (let size = 0; size < 9; size++) {
      const offsets: number[] = [];
      const toy = toyCipher({ blockSize: 8, lengthIsPadded: false, tagLength: 7 });
      const writer = newWriter();
      writer.useSealer(
        {
          ...toy.sealer,
          seal: (_number, slab, offset) => {
            offsets.push(slab.byteOffset + offset);
          },
        },
        { resetSequence: false },
      );
      writer.writeRaw(payloadOf(size));
      for (let i = 0; i < 5; i++) writer.write(payloadOf(100 + i));
      expect(offsets.every((offset) => offset % 4 === 0)).toBe(true);
      expect(takeAll(writer).length).toBe(size + 5 * (4 + 112 + 7));
    }
  });
});

describe("counting", () => {
  it("numbers packets from 0, and counts packets and bytes under the current keys", () => {
    const writer = newWriter();
    expect(writer.counts.sequenceNumber).toBe(-1);
    writer.write(payloadOf(1));
    writer.write(payloadOf(100));
    expect(writer.counts.sequenceNumber).toBe(1);
    expect(writer.counts.packetsSinceKeys).toBe(2);
    expect(writer.counts.bytesSinceKeys).toBe(16 + 112);
    expect(writer.counts.lastPacketLength).toBe(112);
  });

  it("continues the sequence number with new keys, or restarts it at 0 with `resetSequence`", () => {
    const numbers: number[] = [];
    const sealer = {
      ...toyCipher({ blockSize: 8, lengthIsPadded: true, tagLength: 4 }).sealer,
      seal: (sequenceNumber: number) => {
        numbers.push(sequenceNumber);
      },
    };
    const writer = newWriter();
    writer.write(payloadOf(1));
    writer.useSealer(sealer, { resetSequence: false });
    expect(writer.counts.packetsSinceKeys).toBe(0);
    expect(writer.counts.bytesSinceKeys).toBe(0);
    writer.write(payloadOf(1));
    expect(writer.counts.lastPacketLength).toBe(20);
    expect(writer.counts.bytesSinceKeys).toBe(16);
    writer.useSealer(sealer, { resetSequence: true });
    writer.write(payloadOf(1));
    writer.write(payloadOf(1));
    expect(numbers).toEqual([1, 0, 1]);
  });

  it("wraps the sequence number at 2^32", () => {
    const writer = new PacketWriter({ random: countingRandom(), start: { sequenceNumber: 0xffff_ffff } });
    writer.write(payloadOf(1));
    expect(writer.counts.sequenceNumber).toBe(0xffff_ffff);
    writer.write(payloadOf(1));
    expect(writer.counts.sequenceNumber).toBe(0);
  });

  it("uses no sequence number twice under the same keys", () => {
    const writer = new PacketWriter({ random: countingRandom(), start: { packetsSinceKeys: 0xffff_ffff } });
    writer.write(payloadOf(1));
    expect(() => writer.write(payloadOf(1))).toThrow(expect.objectContaining({ code: "sequence-exhausted" }));
    expect(() => writer.begin(1)).toThrow(expect.objectContaining({ code: "sequence-exhausted" }));
    writer.useSealer(toyCipher({ blockSize: 8, lengthIsPadded: true, tagLength: 4 }).sealer, { resetSequence: false });
    writer.write(payloadOf(1));
    expect(writer.counts.packetsSinceKeys).toBe(1);
  });
});

describe("a packet that fails to seal", () => {
  it.each([undefined, "body"] as const)(
    "is the last one, so that its key stream is not reused (sealApart: %s)",
    (apart) => {
      const { sealer } = toyCipher({ blockSize: 8, lengthIsPadded: true, tagLength: 4, ...(apart && { apart }) });
      const failure = new RangeError("Maximum call stack size exceeded");
      let fails = false;
      const failing: PacketSealer = {
        ...sealer,
        seal: (...packet) => {
          if (fails) throw failure;
          sealer.seal(...packet);
        },
        ...(apart && {
          sealApart: () => {
            throw failure;
          },
        }),
      };
      const writer = newWriter();
      writer.useSealer(failing, { resetSequence: true });
      writer.write(payloadOf(10));
      const before = takeAll(writer).length;
      expect(before).toBeGreaterThan(10);
      fails = true;
      expect(() => writer.write(payloadOf(5000))).toThrow(failure);
      fails = false;
      expect(() => writer.write(payloadOf(10))).toThrow(failure);
      expect(takeAll(writer).length).toBe(0);
    },
  );
});

describe("releaseBuffers()", () => {
  it("keeps taken and pending output, and does not change later output", () => {
    const plain = newWriter();
    const rested = newWriter();
    const pieces: [Uint8Array[], Uint8Array[]] = [[], []];
    for (const size of [10, 3000, 20, 9000, 1]) {
      for (const [i, writer] of [plain, rested].entries()) {
        writer.write(payloadOf(size));
        if (writer === rested) writer.releaseBuffers();
        pieces[i]!.push(takeAll(writer));
        if (writer === rested) writer.releaseBuffers();
      }
    }
    const lengths = pieces.map((all) => all.map((piece) => piece.length));
    expect(lengths[0]).toEqual(lengths[1]);
    // Padding is random, so it is not compared.
    for (const [i, size] of [10, 3000, 20, 9000, 1].entries())
      expect(pieces[1][i]!.subarray(0, 5 + size)).toEqual(pieces[0][i]!.subarray(0, 5 + size));
  });

  it("keeps a packet between begin and commit", () => {
    const writer = newWriter();
    writer.begin(3).set([1, 2, 3]);
    writer.releaseBuffers();
    writer.commit();
    expect(takeAll(writer).subarray(5, 8)).toEqual(Uint8Array.of(1, 2, 3));
  });
});

function sum(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((total, piece) => total + piece.length, 0);
}
