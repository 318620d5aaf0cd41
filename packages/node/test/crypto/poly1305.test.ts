import { poly1305 as noble } from "@noble/ciphers/_poly1305.js";
import * as fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { nodeAlgorithms } from "../../src/crypto/algorithms.ts";
import { loadAlgorithms } from "../../src/crypto/load.ts";
import { poly1305, wasmPoly1305 } from "../../src/crypto/poly1305/index.ts";
import { CAPACITY } from "../../src/crypto/poly1305/layout.ts";

const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const wasm = wasmPoly1305()!;

/** RFC 8439: §2.5.2, and those of §A.3 that carries and the last subtraction hang on. */
const VECTORS: readonly (readonly [name: string, key: string, message: string, tag: string])[] = [
  [
    "§2.5.2",
    "85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b",
    Buffer.from("Cryptographic Forum Research Group").toString("hex"),
    "a8061dc1305136c6c22b8baf0c0127a9",
  ],
  ["#1, all zeros", "00".repeat(32), "00".repeat(64), "00".repeat(16)],
  ["#7, 2^130 - 5 wraps", `02${"00".repeat(31)}`, "ff".repeat(16), `03${"00".repeat(15)}`],
  [
    "#8, the sum with s wraps",
    `02${"00".repeat(15)}${"ff".repeat(16)}`,
    `02${"00".repeat(15)}`,
    `03${"00".repeat(15)}`,
  ],
  [
    "#9, 5 H + L does not wrap",
    `01${"00".repeat(31)}`,
    `${"ff".repeat(16)}f0${"ff".repeat(15)}11${"00".repeat(15)}`,
    `05${"00".repeat(15)}`,
  ],
  [
    "#10, 5 H + L is just at 2^130 - 5",
    `01${"00".repeat(31)}`,
    `${"ff".repeat(16)}fb${"fe".repeat(15)}${"01".repeat(16)}`,
    "00".repeat(16),
  ],
  ["#11, 2^130 - 6 does not wrap", `02${"00".repeat(31)}`, `fd${"ff".repeat(15)}`, `fa${"ff".repeat(15)}`],
];

describe("Poly1305 in WebAssembly", () => {
  it.each(VECTORS)("RFC 8439 %s", (_, key, message, tag) => {
    expect(hex(wasm(fromHex(message), fromHex(key)))).toBe(tag);
  });

  it("is noble's, for random keys and messages of any length", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ maxLength: 600 }),
        (key, message) => {
          expect(hex(wasm(message, key))).toBe(hex(noble(message, key)));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("is noble's at every length to 300 and where carries are longest, long messages before short ones", () => {
    for (let length = 300; length >= 0; length--) {
      for (const message of [fill(length, 0xff), fill(length, 0), fill(length, 0xfe)]) {
        for (const key of [fill(32, 0xff), fill(32, 0), fill(32, 0x0f)])
          expect(hex(wasm(message, key))).toBe(hex(noble(message, key)));
      }
    }
  });

  it("is noble's up to its memory's end and past it", () => {
    const far = CAPACITY + 3 * 65_536;
    for (const length of [CAPACITY - 17, CAPACITY - 16, CAPACITY - 15, CAPACITY, CAPACITY + 1, far, 20, far + 1]) {
      const message = fill(length, 0xa5);
      expect(hex(wasm(message, fill(32, 0x5a)))).toBe(hex(noble(message, fill(32, 0x5a))));
    }
  });

  it("leaves the message and the key alone, in whatever memory they lie", () => {
    const memory = fill(100, 7);
    const tag = wasm(memory.subarray(3, 52), memory.subarray(61, 93));
    expect(memory).toEqual(fill(100, 7));
    expect(hex(tag)).toBe(hex(noble(fill(49, 7), fill(32, 7))));
  });
});

describe("where WebAssembly is forbidden", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it("there is none, and noble's is used, once it has been imported", async () => {
    vi.stubGlobal("WebAssembly", undefined);
    expect(wasmPoly1305()).toBeUndefined();
    const forbidden = vi.fn(function forbidden() {
      throw new Error("Wasm code generation disallowed by embedder");
    });
    vi.stubGlobal("WebAssembly", { Module: forbidden });
    expect(wasmPoly1305()).toBeUndefined();
    expect(forbidden).toHaveBeenCalled();
    await loadAlgorithms(nodeAlgorithms);
    expect(hex(poly1305(fill(20, 1), fill(32, 2)))).toBe(hex(noble(fill(20, 1), fill(32, 2))));
  });
});
