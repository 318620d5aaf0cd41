import { describe, expect, it } from "vitest";
import { bytesOf, clearPacket, codeOf, keysFor, readAll, readerFor, shapeOf, takeAll, writerFor } from "./packets.ts";
import { type CipherSet, suitesOf, twinSealer } from "./twin.ts";

const MAXIMUM = 256 * 1024;

/** Tests of changed, replayed and malformed packets, and of every limit. */
export function attackCases(set: CipherSet): void {
  const { aes128Ctr, aes128Gcm, aes256Ctr, chacha20Poly1305, hmacSha256 } = set;

  describe.each(suitesOf(set))("$name", (suite) => {
    const keys = keysFor(suite);
    const { block, counted } = shapeOf(suite);
    /** Seals a plaintext packet with the right keys, reads it, and returns the error code or `"none"`. */
    const receive = (packet: Uint8Array): string => {
      const reader = readerFor(suite, keys);
      reader.push(twinSealer(suite.cipher.name, suite.mac?.name, keys)(0, packet));
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
      expect(reader.keyUse.bytesSinceKeys - 4).toBe(counted ? 12 : block);
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

  describe("counters", () => {
    it("carry through all 128 bits of AES-CTR", () => {
      const suite = { name: "", cipher: aes128Ctr, mac: hmacSha256 };
      for (const ones of [1, 4, 8, 12, 16]) {
        const iv = new Uint8Array(16).fill(0xff, 16 - ones);
        const keys = { ...keysFor(suite), iv };
        const writer = writerFor(suite, keys);
        const reader = readerFor(suite, keys);
        const twin = twinSealer("aes128-ctr", "hmac-sha2-256", keys);
        for (let i = 0; i < 3; i++) {
          writer.write(bytesOf(`${i}`, 30));
          const sealed = takeAll(writer);
          reader.push(sealed);
          const payload = reader.next();
          expect(payload).toEqual(bytesOf(`${i}`, 30));
          const clear = new Uint8Array(sealed.length - 32);
          clear.set([0, 0, 0, clear.length - 4, clear.length - 35]);
          clear.set(payload ?? [], 5);
          // The padding is unknown here, so compare only the blocks before it.
          expect(twin(i, clear).subarray(0, 32)).toEqual(Buffer.from(sealed.subarray(0, 32)));
        }
      }
    });

    it("keep GCM's 4 fixed bytes when the invocation counter wraps (RFC 5647 §7.1)", () => {
      const suite = { name: "", cipher: aes128Gcm, mac: undefined };
      for (const ones of [1, 4, 8]) {
        const iv = new Uint8Array(12).fill(0xff, 12 - ones);
        const keys = { ...keysFor(suite), iv };
        const reader = readerFor(suite, keys);
        const twin = twinSealer(suite.cipher.name, undefined, keys);
        for (let i = 0; i < 3; i++) reader.push(twin(i, clearPacket(16, 4, 16)));
        expect(readAll(reader).length).toBe(3);
      }
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
