import { wrongCases, wrongCasesOnTokens, wycheproofCases } from "@nacre/testing/wycheproof";
import { beforeAll, describe, expect, test } from "vitest";
import { plainAlgorithms } from "../../src/crypto/algorithms.ts";
import { loadPortable } from "../../src/crypto/portable.ts";

// Portable code replaces algorithms that node:crypto lacks; it is imported before a connection is made.
beforeAll(() => loadPortable("keys"));

const names = [...new Set(wycheproofCases.map(({ algorithm }) => algorithm))];

// Cases of Project Wycheproof: signatures that other implementations accepted or refused by mistake.
describe.each(names)("%s on node:crypto", (name) => {
  const cases = wycheproofCases.filter(({ algorithm }) => algorithm === name);

  test("verifies the signatures that are valid, and no others", () => {
    expect(wrongCases(plainAlgorithms, cases)).toEqual([]);
  });

  test("does so for security keys and passkeys, too", () => {
    expect(wrongCasesOnTokens(plainAlgorithms, cases)).toEqual([]);
  });

  test("would be reported for a case that is marked wrongly", () => {
    for (const isValid of [true, false]) {
      const one = cases.find((one) => one.isValid === isValid)!;
      expect(wrongCases(plainAlgorithms, [{ ...one, isValid: !isValid }])).toEqual([one.name]);
    }
  });
});
