import { readFileSync } from "node:fs";
import { vectorCases } from "@nacre/testing/ciphers/vector-cases";
import { describe, expect, it } from "vitest";
import * as ciphers from "../src/index.ts";
import { AesCtrStream } from "../src/noble-aes.ts";

vectorCases(ciphers);

const { aesCtr } = JSON.parse(readFileSync(new URL("../../../test-vectors/ciphers.json", import.meta.url), "utf8")) as {
  readonly aesCtr: readonly Record<"name" | "key" | "counterBlock" | "plaintext" | "ciphertext", string>[];
};
const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));

describe("published test vectors of AES-CTR", () => {
  it.each(aesCtr)("$name, in one call and block by block", ({ key, counterBlock, plaintext, ciphertext }) => {
    const whole = fromHex(plaintext);
    new AesCtrStream(fromHex(key), fromHex(counterBlock)).apply(whole, 0, whole.length);
    expect(whole).toEqual(fromHex(ciphertext));
    const stream = new AesCtrStream(fromHex(key), fromHex(counterBlock));
    for (let i = 0; i < whole.length; i += 16) stream.apply(whole, i, i + 16);
    expect(whole).toEqual(fromHex(plaintext));
  });
});
