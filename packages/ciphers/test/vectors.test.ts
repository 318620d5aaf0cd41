import { fromHex } from "@nacre/testing/bytes";
import { vectorCases } from "@nacre/testing/ciphers/vector-cases";
import { describe, expect, it } from "vitest";
import vectors from "../../../test-vectors/ciphers.json" with { type: "json" };
import * as ciphers from "../src/index.ts";
import { AesCtrStream } from "../src/noble-aes.ts";

vectorCases(ciphers);

describe("published test vectors of AES-CTR", () => {
  it.each(vectors.aesCtr)("$name, in one call and block by block", ({ key, counterBlock, plaintext, ciphertext }) => {
    const whole = fromHex(plaintext);
    new AesCtrStream(fromHex(key), fromHex(counterBlock)).apply(whole, 0, whole.length);
    expect(whole).toEqual(fromHex(ciphertext));
    const stream = new AesCtrStream(fromHex(key), fromHex(counterBlock));
    for (let i = 0; i < whole.length; i += 16) stream.apply(whole, i, i + 16);
    expect(whole).toEqual(fromHex(plaintext));
  });
});
