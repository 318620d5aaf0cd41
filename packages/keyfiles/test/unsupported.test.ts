import { expect, test } from "vitest";
import { unsupportedKey } from "../src/unsupported.ts";

test("a kind of key named like a member of every object gets the advice for unknown kinds", () => {
  for (const kind of ["constructor", "toString", "__proto__"])
    expect(unsupportedKey(kind).message).toBe(
      `keys of the kind ${kind} cannot be used from a file: use an Ed25519, ECDSA (nistp256, 384, 521) or RSA key`,
    );
});
