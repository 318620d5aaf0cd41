import { toHex } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import file from "../../../../test-vectors/ciphers.json" with { type: "json" };
import { fromHex } from "../bytes.ts";
import { readAll, readerFor } from "./packets.ts";
import { type CipherSet, suitesOf } from "./suites.ts";

interface Vectors {
  readonly hmac: readonly Record<"name" | "key" | "data" | "sha256" | "sha512", string>[];
  readonly packets: readonly {
    readonly cipher: string;
    readonly mac: string | null;
    readonly key: string;
    readonly iv: string;
    readonly macKey: string;
    readonly packets: readonly { readonly sequenceNumber: number; readonly clear: string; readonly sealed: string }[];
  }[];
}

const vectors: Vectors = file;

/** Tests against the known answers in test-vectors/ciphers.json. */
export function vectorCases(set: CipherSet): void {
  const { hmacSha256, hmacSha512 } = set;
  const suites = suitesOf(set);

  describe("published HMAC vectors", () => {
    // The MAC hashes the sequence number first, so pass the first 4 bytes of the data as that number.
    it.each(vectors.hmac)("$name", ({ key, data, sha256, sha512 }) => {
      const bytes = fromHex(data);
      const sequenceNumber = new DataView(bytes.buffer).getUint32(0);
      for (const [algorithm, expected] of [
        [hmacSha256, sha256],
        [hmacSha512, sha512],
      ] as const) {
        const mac = algorithm.create(fromHex(key));
        const out = new Uint8Array(algorithm.tagLength + 2);
        // Twice, because the state is reused for each packet.
        for (let i = 0; i < 2; i++) mac.compute(sequenceNumber, bytes, 4, bytes.length, out, 1);
        expect(out).toEqual(fromHex(`00${expected}00`));
      }
    });
  });

  describe("packets sealed with OpenSSL", () => {
    it("exist for every suite", () => {
      expect(vectors.packets.map(({ cipher, mac }) => (mac === null ? cipher : `${cipher} ${mac}`))).toEqual(
        suites.map((suite) => suite.name),
      );
    });

    it.each(vectors.packets)("$cipher $mac: are sealed identically and opened", (vector) => {
      const suite = suites.find(
        ({ cipher, mac }) => cipher.name === vector.cipher && (mac?.name ?? null) === vector.mac,
      );
      if (suite === undefined) throw new Error(`no suite ${vector.cipher} ${vector.mac}`);
      const keys = { key: fromHex(vector.key), iv: fromHex(vector.iv), macKey: fromHex(vector.macKey) };
      const sealer = suite.cipher.createSealer(keys, suite.mac);
      const reader = readerFor(suite, keys, vector.packets[0]?.sequenceNumber);
      for (const { sequenceNumber, clear, sealed } of vector.packets) {
        const packet = fromHex(clear);
        const slab = new Uint8Array(8 + packet.length + sealer.tagLength + 8);
        slab.set(packet, 8);
        sealer.seal(sequenceNumber, slab, 8, packet.length);
        expect(toHex(slab)).toBe(`${"00".repeat(8)}${sealed}${"00".repeat(8)}`);
        reader.push(fromHex(sealed));
        expect(readAll(reader)).toEqual([packet.slice(5, packet.length - (packet[4] ?? 0))]);
        expect(reader.counts.sequenceNumber).toBe(sequenceNumber);
      }
      // The caller's keys must not be changed.
      expect(toHex(keys.iv)).toBe(vector.iv);
      expect(toHex(keys.key)).toBe(vector.key);
    });
  });
}
