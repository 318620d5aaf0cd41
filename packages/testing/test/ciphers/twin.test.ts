import { createCipheriv } from "node:crypto";
import { plainChaCha20 } from "@nacre/testing/ciphers/twin";
import { expect, test } from "vitest";

test("plainChaCha20 matches the ChaCha20 of OpenSSL", () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => 7 * i);
  const iv = Uint8Array.of(0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff);
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i);
  for (const length of [0, 1, 63, 64, 65, 1000]) {
    const part = bytes.subarray(0, length);
    expect(plainChaCha20(key, iv, part)).toEqual(createCipheriv("chacha20", key, iv).update(part));
  }
});
