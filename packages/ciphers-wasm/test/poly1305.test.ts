import { fromHex } from "@nacre/testing/bytes";
import { equalBytes, toHex, utf8Encode } from "@nacre/wire";
import { poly1305 as noble } from "@noble/ciphers/_poly1305.js";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PACKET_AT, POLY1305_KEY_AT, TAG_AT, TAG_LENGTH } from "../src/memory.ts";
import { chacha20Poly1305Program } from "../src/program.ts";
import { compile, instantiate } from "./support.ts";

const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

const program = instantiate(compile(chacha20Poly1305Program()));
const bytes = new Uint8Array(program.memory.buffer);

/** Computes the tag of a message in place of a packet, followed by arbitrary bytes. */
function wasm(message: Uint8Array, key: Uint8Array): Uint8Array {
  bytes.set(key, POLY1305_KEY_AT);
  bytes.set(message, PACKET_AT);
  bytes.fill(0xa5, PACKET_AT + message.length, PACKET_AT + message.length + 32);
  program.poly1305(message.length);
  return bytes.slice(TAG_AT, TAG_AT + TAG_LENGTH);
}

const CONTRIBUTION =
  "Any submission to the IETF intended by the Contributor for publication as all or part of an IETF Internet-Draft or RFC and any " +
  'statement made within the context of an IETF activity is considered an "IETF Contribution". Such statements include oral ' +
  "statements in IETF sessions, as well as written and electronic communications made at any time or place, which are addressed to";
const JABBERWOCKY =
  "'Twas brillig, and the slithy toves\nDid gyre and gimble in the wabe:\nAll mimsy were the borogoves,\nAnd the mome raths outgrabe.";
const ofText = (text: string): string => toHex(utf8Encode(text));

/** Test vectors from RFC 8439 §2.5.2 and §A.3. */
const VECTORS: readonly (readonly [name: string, key: string, message: string, tag: string])[] = [
  [
    "§2.5.2",
    "85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b",
    ofText("Cryptographic Forum Research Group"),
    "a8061dc1305136c6c22b8baf0c0127a9",
  ],
  ["#1, all zeros", "00".repeat(32), "00".repeat(64), "00".repeat(16)],
  [
    "#2, r = 0",
    `${"00".repeat(16)}36e5f6b5c5e06070f0efca96227a863e`,
    ofText(CONTRIBUTION),
    "36e5f6b5c5e06070f0efca96227a863e",
  ],
  [
    "#3, s = 0",
    `36e5f6b5c5e06070f0efca96227a863e${"00".repeat(16)}`,
    ofText(CONTRIBUTION),
    "f3477e7cd95417af89a6b8794c310cf0",
  ],
  [
    "#4",
    "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
    ofText(JABBERWOCKY),
    "4541669a7eaaee61e708dc7cbcc5eb62",
  ],
  ["#5, 2^130 - 5 wraps", `02${"00".repeat(31)}`, "ff".repeat(16), `03${"00".repeat(15)}`],
  [
    "#6, the sum with s wraps",
    `02${"00".repeat(15)}${"ff".repeat(16)}`,
    `02${"00".repeat(15)}`,
    `03${"00".repeat(15)}`,
  ],
  [
    "#7, a limb of all ones and a carry from below",
    `01${"00".repeat(31)}`,
    `${"ff".repeat(16)}f0${"ff".repeat(15)}11${"00".repeat(15)}`,
    `05${"00".repeat(15)}`,
  ],
  [
    "#8, exactly 2^130 - 5",
    `01${"00".repeat(31)}`,
    `${"ff".repeat(16)}fb${"fe".repeat(15)}${"01".repeat(16)}`,
    "00".repeat(16),
  ],
  ["#9, exactly 2^130 - 6", `02${"00".repeat(31)}`, `fd${"ff".repeat(15)}`, `fa${"ff".repeat(15)}`],
  [
    "#10, 131 bits in an intermediate result",
    `010000000000000004${"00".repeat(23)}`,
    `e33594d7505e43b900000000000000003394d7505e4379cd01${"00".repeat(23)}01${"00".repeat(15)}`,
    "14000000000000005500000000000000",
  ],
  [
    "#11, 131 bits in the final result",
    `010000000000000004${"00".repeat(23)}`,
    `e33594d7505e43b900000000000000003394d7505e4379cd01${"00".repeat(23)}`,
    `13${"00".repeat(15)}`,
  ],
];

describe("Poly1305 in WebAssembly", () => {
  it.each(VECTORS)("RFC 8439 %s", (_, key, message, tag) => {
    expect(toHex(wasm(fromHex(message), fromHex(key)))).toBe(tag);
  });

  it("agrees with noble for random keys and messages of any length", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ maxLength: 3_000, size: "max" }),
        (key, message) => {
          expect(toHex(wasm(message, key))).toBe(toHex(noble(message, key)));
        },
      ),
      { numRuns: 300, endOnFailure: true },
    );
  });

  // From 512 bytes on, the program processes eight blocks at a time.
  it("agrees with noble for all lengths up to 1100 and the longest carries, long messages before short ones", () => {
    const keys = [0xff, 0, 0x0f, 0xa5].map((value) => fill(32, value));
    const messages = [0xff, 0, 0xfe, 0x5a].map((value) => fill(1100, value));
    for (let length = 1100; length >= 0; length--) {
      for (const message of messages) {
        for (const key of keys) {
          const part = message.subarray(0, length);
          if (!equalBytes(wasm(part, key), noble(part, key))) expect.fail(`${length} ${message[0]} ${key[0]}`);
        }
      }
    }
  });

  it("agrees with noble for each r with one bit set, and for each r with one bit clear", () => {
    for (let bit = 0; bit < 128; bit++) {
      const key = fill(32, 0);
      key[bit >> 3] = 1 << (bit & 7);
      const inverse = key.map((byte) => ~byte);
      for (const message of [fill(1_024, 0xff), fill(1_024, 0)]) {
        expect(toHex(wasm(message, key))).toBe(toHex(noble(message, key)));
        expect(toHex(wasm(message, inverse))).toBe(toHex(noble(message, inverse)));
      }
    }
  });

  it("reduces sums of lanes close to 2^130 - 5", () => {
    const p = 2n ** 130n - 5n;
    const blocks = 40n;
    const key = fill(32, 0);
    key[0] = 1;
    for (let sum = -8n; sum <= 8n; sum++) {
      // With r = 1, h is the sum of the blocks, each with its bit above. The last five blocks bring it to `sum`.
      const missing = (((sum - blocks * 2n ** 128n) % p) + p) % p;
      const message = new Uint8Array(16 * Number(blocks));
      for (let i = 0n; i < 5n; i++) {
        const block = (missing + i) / 5n;
        message.set(fromHex(block.toString(16).padStart(32, "0")).toReversed(), 16 * Number(35n + i));
      }
      expect(toHex(wasm(message, key))).toBe(toHex(noble(message, key)));
      expect(wasm(message, key)[0]).toBe(Number(BigInt.asUintN(8, sum < 0n ? sum + p : sum)));
    }
  });

  it("handles a negative second digit after the last pass (inputs found by a search)", () => {
    for (const [k, m] of [
      [0x01, 0x14],
      [0x02, 0x90],
      [0x02, 0xbd],
      [0x06, 0x87],
      [0x1a, 0x78],
    ] as const) {
      expect(toHex(wasm(fill(512, m), fill(32, k)))).toBe(toHex(noble(fill(512, m), fill(32, k))));
    }
  });

  it("agrees with noble for the longest packets", () => {
    for (const length of [32_768, 35_000, 262_144]) {
      for (const value of [0xff, 0x80]) {
        const message = fill(length, value);
        expect(toHex(wasm(message, fill(32, 0xff)))).toBe(toHex(noble(message, fill(32, 0xff))));
      }
    }
  });
});
