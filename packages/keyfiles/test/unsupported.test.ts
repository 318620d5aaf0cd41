import { expect, test } from "vitest";
import { unsupportedKey } from "../src/unsupported.ts";

test("a key type named like an object property gets the advice for unknown types", () => {
  for (const kind of ["constructor", "toString", "__proto__"])
    expect(unsupportedKey(kind).message).toBe(
      `unsupported key type: ${kind}; use an Ed25519, ECDSA (nistp256, 384, 521) or RSA key`,
    );
});
