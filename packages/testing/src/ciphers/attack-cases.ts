import { describe, expect, it } from "vitest";
import { bytesOf, clearPacket, codeOf, keysFor, readAll, readerFor, shapeOf, takeAll, writerFor } from "./packets.ts";
import { type CipherSet, suitesOf } from "./suites.ts";

const MAXIMUM = 256 * 1024;

/** Tests of changed, replayed and malformed packets, and of every limit. */
export function attackCases(set: CipherSet): void {
  const { aes128Gcm, aes256Ctr, chacha20Poly1305, hmacSha256 } = set;

  describe.each(suitesOf(set))("$name", (suite) => {
    const keys = keysFor(suite);
    const { block, counted } = shapeOf(suite);
    /** Seals a plaintext packet with the right keys, reads it, and returns the error code or `"none"`. */
    const receive = (packet: Uint8Array): string => {
      const reader = readerFor(suite, keys);
      const sealer = suite.cipher.createSealer(keys, suite.mac);
      const slab = new Uint8Array(packet.length + sealer.tagLength);
      slab.set(packet);
      sealer.seal(0, slab, 0, packet.length);
      reader.push(slab);
      return codeOf(() => reader.next());
    };

    it("rejects any flipped bit with mac-mismatch or packet-length, and returns no further payload", () => {
      const writer = writerFor(suite, keys);
      writer.write(bytesOf("first", 30));
      const first = takeAll(writer);
      writer.write(bytesOf("second", 20));
      const second = takeAll(writer);
      const codes = new Map<string, number>();
      for (let bit = 0; bit < 8 * second.length; bit++) {
        const reader = readerFor(suite, keys);
        const broken = second.slice();
        broken[bit >> 3] = (broken[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        reader.push(first);
        expect(readAll(reader)).toEqual([bytesOf("first", 30)]);
        reader.push(broken);
        // A larger length field makes the reader wait for more bytes, so push the maximum.
        reader.push(new Uint8Array(MAXIMUM));
        const code = codeOf(() => reader.next());
        codes.set(code, (codes.get(code) ?? 0) + 1);
        expect(codeOf(() => reader.next())).toBe(code);
      }
      expect(new Set(codes.keys())).toEqual(new Set(["mac-mismatch", "packet-length"]));
      // The MAC detects a change of every byte except the length field.
      expect(codes.get("packet-length")).toBeLessThanOrEqual(32);
    });

    it("opens a packet only once, and only at its own sequence number", () => {
      const writer = writerFor(suite, keys);
      writer.write(bytesOf("first", 30));
      const first = takeAll(writer);
      writer.write(bytesOf("second", 30));
      const second = takeAll(writer);
      const attempt = (...packets: readonly Uint8Array[]): string => {
        const reader = readerFor(suite, keys);
        for (const packet of packets) reader.push(packet);
        reader.push(new Uint8Array(MAXIMUM));
        return codeOf(() => readAll(reader));
      };
      const replayed = attempt(first, first);
      const dropped = attempt(second);
      for (const code of [replayed, dropped]) expect(["mac-mismatch", "packet-length"]).toContain(code);
    });

    it("rejects a packet sealed with other keys", () => {
      const writer = writerFor(suite, keysFor(suite, "other"));
      writer.write(bytesOf("payload", 30));
      const reader = readerFor(suite, keys);
      reader.push(takeAll(writer));
      reader.push(new Uint8Array(MAXIMUM));
      expect(["mac-mismatch", "packet-length"]).toContain(codeOf(() => reader.next()));
    });

    it("accepts a payload of one byte, such as USERAUTH_SUCCESS", () => {
      const writer = writerFor(suite, keys);
      writer.write(Uint8Array.of(52));
      const bytes = takeAll(writer);
      const reader = readerFor(suite, keys);
      reader.push(bytes);
      expect(reader.next()).toEqual(Uint8Array.of(52));
      expect(reader.counts.bytesSinceKeys - 4).toBe(counted ? 12 : block);
    });

    it("accepts only lengths of whole blocks, from the minimum to the maximum", () => {
      const smallest = counted ? block - 4 : block;
      const whole = (packetLength: number): boolean => ((counted ? 4 : 0) + packetLength) % block === 0;
      const largest = MAXIMUM - ((MAXIMUM + (counted ? 4 : 0)) % block);
      expect(receive(clearPacket(smallest, 4, smallest))).toBe("none");
      expect(receive(clearPacket(largest, 4, 100 * block - (counted ? 4 : 0)))).toBe("none");
      expect(receive(clearPacket(largest + block, 4, 100 * block - (counted ? 4 : 0)))).toBe("packet-length");
      for (const packetLength of [0, 1, 4, 5, 7, 8, 11, 12, 13, 15, 16, 17, 20, 24, 28, 32, 2 ** 31, 2 ** 32 - 16]) {
        const fits = packetLength >= smallest && packetLength <= MAXIMUM && whole(packetLength);
        const size = fits ? packetLength : 4 * block - (counted ? 4 : 0);
        expect([packetLength, receive(clearPacket(packetLength, 4, size))]).toEqual([
          packetLength,
          fits ? "none" : "packet-length",
        ]);
      }
    });

    it("accepts only padding of 4 to 255 bytes that leaves a payload", () => {
      const short = counted ? 2 * block - 4 : 2 * block;
      const long = counted ? 316 : 320;
      for (const [packetLength, padding, code] of [
        [short, 0, "packet-padding"],
        [short, 3, "packet-padding"],
        [short, 4, "none"],
        [short, short - 2, "none"],
        [short, short - 1, "packet-padding"],
        [short, short, "packet-padding"],
        [short, 255, "packet-padding"],
        [long, 255, "none"],
      ] as const)
        expect([padding, receive(clearPacket(packetLength, padding, packetLength))]).toEqual([padding, code]);
    });
  });

  describe("keys", () => {
    it("must have the algorithm's lengths, with a MAC for every cipher except AEAD ciphers", () => {
      for (const suite of suitesOf(set)) {
        const keys = keysFor(suite);
        const { cipher, mac } = suite;
        const bad = [
          () => cipher.createSealer({ ...keys, key: keys.key.slice(1) }, mac),
          () => cipher.createOpener({ ...keys, key: bytesOf("", keys.key.length + 1) }, mac),
          () => cipher.createSealer({ ...keys, iv: bytesOf("", keys.iv.length + 1) }, mac),
          () => cipher.createOpener({ ...keys, macKey: bytesOf("", keys.macKey.length + 1) }, mac),
          () =>
            cipher.createSealer(
              { ...keys, macKey: bytesOf("", cipher.aead ? 32 : 0) },
              cipher.aead ? hmacSha256 : undefined,
            ),
        ];
        for (const attempt of bad) expect(codeOf(attempt)).toBe("internal");
      }
    });

    it("are limited to 2^32 AES blocks (RFC 4344 §3.2) or 1 GiB of ChaCha20, like OpenSSH", () => {
      expect(aes256Ctr.maxBytes).toBe(2 ** 36);
      expect(aes128Gcm.maxBytes).toBe(2 ** 36);
      expect(chacha20Poly1305.maxBytes).toBe(2 ** 30);
    });
  });
}
