import { eachOnce, pairsOf, pairwise, product } from "@nacre/testing/interop/pairwise";
import { describe, expect, test } from "vitest";

describe("product", () => {
  test("contains each combination once", () => {
    expect(product({ a: [1, 2], b: ["x", "y"] })).toEqual([
      { a: 1, b: "x" },
      { a: 1, b: "y" },
      { a: 2, b: "x" },
      { a: 2, b: "y" },
    ]);
  });
});

describe("pairwise", () => {
  test("returns all combinations of two factors", () => {
    const factors = { a: [1, 2, 3], b: ["x", "y"] };
    expect(new Set(pairwise(factors).map((one) => JSON.stringify(one)))).toEqual(
      new Set(product(factors).map((one) => JSON.stringify(one))),
    );
  });

  test.each([
    { a: [1, 2], b: [1, 2], c: [1, 2] },
    { a: [1, 2, 3, 4, 5, 6, 7, 8, 9], b: [1, 2, 3, 4, 5, 6], c: [1, 2, 3, 4, 5, 6], d: [1, 2, 3, 4, 5] },
    { a: [1], b: [1], c: [1, 2, 3] },
  ])("covers every pair of values with few combinations (%#)", (factors) => {
    const chosen = pairwise<Record<string, number>>(factors);
    // Computed differently from the implementation: value by value.
    const names = Object.keys(factors) as (keyof typeof factors)[];
    for (const [i, one] of names.entries())
      for (const other of names.slice(i + 1))
        for (const x of factors[one] ?? [])
          for (const y of factors[other] ?? [])
            expect(chosen.filter((row) => row[one] === x && row[other] === y)).not.toEqual([]);
    const lengths = names.map((name) => factors[name]?.length ?? 0).toSorted((a, b) => b - a);
    const least = (lengths[0] ?? 0) * (lengths[1] ?? 0);
    expect(chosen.length).toBeGreaterThanOrEqual(least);
    expect(chosen.length).toBeLessThanOrEqual(least * 1.25);
  });
});

test("eachOnce has each value, and different ones of equal factors", () => {
  expect(eachOnce({ a: [1, 2, 3], b: [1, 2, 3], c: ["x", "y"] })).toEqual([
    { a: 1, b: 2, c: "x" },
    { a: 2, b: 3, c: "y" },
    { a: 3, b: 1, c: "x" },
  ]);
});

test("pairsOf names each pair of a combination, regardless of order", () => {
  expect(pairsOf({ c: true, a: 1, b: "x" })).toEqual(['a=1 b="x"', "a=1 c=true", 'b="x" c=true']);
});
