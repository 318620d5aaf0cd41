import { sample } from "@nacre/testing/sample";
import { type WycheproofCase, wrongCases, wrongCasesOnTokens, wycheproofCases } from "@nacre/testing/wycheproof";
import { describe, expect, test } from "vitest";
import { defaultSignatureAlgorithms } from "../src/index.ts";

// Cases of Project Wycheproof: signatures that other implementations accepted or refused by mistake.

const names = [...new Set(wycheproofCases.map(({ algorithm }) => algorithm))];

test("there are cases of each algorithm of plain keys", () => {
  const plain = defaultSignatureAlgorithms.filter(({ keyFormat }) => !keyFormat.startsWith("sk-"));
  expect(names.toSorted()).toEqual(plain.map(({ name }) => name).toSorted());
});

describe.each(names)("%s on noble", (name) => {
  const all = wycheproofCases.filter(({ algorithm }) => algorithm === name);
  const cases = sample(0, all.length, 8).map((index) => all[index]!);

  test("verifies the signatures that are valid, and no others", { timeout: 120_000 }, () => {
    expect(wrongCases(defaultSignatureAlgorithms, cases)).toEqual([]);
  });

  test("does so for security keys and passkeys, too", { timeout: 120_000 }, () => {
    expect(wrongCasesOnTokens(defaultSignatureAlgorithms, cases)).toEqual([]);
  });

  test("would be reported for a case that is marked wrongly", () => {
    for (const isValid of [true, false]) {
      const one: WycheproofCase = all.find((one) => one.isValid === isValid)!;
      expect(wrongCases(defaultSignatureAlgorithms, [{ ...one, isValid: !isValid }])).toEqual([one.name]);
    }
  });
});
