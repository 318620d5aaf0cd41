import type { LimitRange } from "@nacre/wire";

type Named = readonly [name: string, value: unknown];
type Ranges = Readonly<Record<string, LimitRange>>;

/** Values that no limit of the range takes, each with what to call it. */
export function notIntegers({ least, most }: Pick<LimitRange, "least" | "most">): readonly Named[] {
  return [
    ["NaN", Number.NaN],
    ["infinity", Number.POSITIVE_INFINITY],
    ["a negative number", -1],
    ["less than the least", least - 1],
    ["more than the most", most + 1],
    ["a fraction", least + 0.5],
    ["a size with a unit", "1G"],
    ["a number as text", `${most}`],
    ["an empty text", ""],
    ["null", null],
    ["true", true],
    ["a bigint", BigInt(most)],
    ["an object", {}],
  ];
}

/** Each limit with each value that it must not have, as limits to give. */
export function impossibleLimits(ranges: Ranges): readonly [what: string, limits: object][] {
  return Object.entries(ranges).flatMap(([name, range]) =>
    notIntegers(range).map(([what, value]): [string, object] => [`${name}: ${what}`, { [name]: value }]),
  );
}

/** Each limit at both ends of its range, as limits to give. */
export function extremeLimits(ranges: Ranges): readonly object[] {
  return Object.entries(ranges).flatMap(([name, { least, most }]) => [{ [name]: least }, { [name]: most }]);
}
