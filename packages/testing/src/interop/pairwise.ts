/** Possible values of each part of a combination. */
export type Factors<T> = { readonly [K in keyof T]: readonly T[K][] };

/**
 * Returns a small set of combinations in which any two values of different factors occur together at least once (pairwise testing). Greedy:
 * repeatedly adds the combination with the most uncovered pairs. The minimum size is the product of the two longest factors; the result is
 * rarely much larger.
 */
export function pairwise<T extends object>(factors: Factors<T>): T[] {
  const candidates = product(factors).map((combination) => ({ combination, pairs: pairsOf(combination) }));
  const unmet = new Set(candidates.flatMap(({ pairs }) => pairs));
  const chosen: T[] = [];
  while (unmet.size > 0) {
    let [best, most] = [candidates[0]!, 0];
    for (const candidate of candidates) {
      const count = candidate.pairs.reduce((sum, pair) => sum + (unmet.has(pair) ? 1 : 0), 0);
      if (count > most) [best, most] = [candidate, count];
    }
    chosen.push(best.combination);
    for (const pair of best.pairs) unmet.delete(pair);
  }
  return chosen;
}

/**
 * Returns combinations that contain each value at least once. Their number is the length of the longest factor; shorter ones repeat. Each
 * factor is shifted by one more than the one before, so that factors with the same values differ.
 */
export function eachOnce<T extends object>(factors: Factors<T>): T[] {
  const entries = Object.entries<readonly unknown[]>(factors);
  return Array.from(
    { length: Math.max(...entries.map(([, values]) => values.length)) },
    (_, i) =>
      Object.fromEntries(entries.map(([name, values], shift) => [name, values[(i + shift) % values.length]])) as T,
  );
}

/** Returns every combination (the Cartesian product). */
export function product<T extends object>(factors: Factors<T>): T[] {
  return Object.entries<readonly unknown[]>(factors).reduce<object[]>(
    (combinations, [name, values]) =>
      combinations.flatMap((combination) => values.map((value) => ({ ...combination, [name]: value }))),
    [{}],
  ) as T[];
}

/** Returns the pairs of values in a combination, as text. The order of its parts does not matter. */
export function pairsOf(combination: object): string[] {
  const parts = Object.entries(combination).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const values = parts.map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return values.flatMap((value, i) => values.slice(i + 1).map((other) => `${value} ${other}`));
}
