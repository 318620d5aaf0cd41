/** What a combination is made of: by name, the values that there are. */
export type Factors<T> = { readonly [K in keyof T]: readonly T[K][] };

/**
 * A small set of combinations in which any two values of different factors meet at least once (pairwise testing). Greedy: the
 * combination with the most pairs that have not met yet comes next, until all have. No set can be smaller than the product of the
 * two longest factors; this one is seldom much larger.
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

/** Every combination there is. */
export function product<T extends object>(factors: Factors<T>): T[] {
  return Object.entries<readonly unknown[]>(factors).reduce<object[]>(
    (combinations, [name, values]) =>
      combinations.flatMap((combination) => values.map((value) => ({ ...combination, [name]: value }))),
    [{}],
  ) as T[];
}

/** The pairs of values that meet in a combination, as text; in whichever order its parts are. */
export function pairsOf(combination: object): string[] {
  const parts = Object.entries(combination).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const values = parts.map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return values.flatMap((value, i) => values.slice(i + 1).map((other) => `${value} ${other}`));
}
