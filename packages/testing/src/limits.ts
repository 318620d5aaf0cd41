import type { LimitRange } from "@nacre/wire";

type Named = readonly [name: string, value: unknown];
type Ranges = Readonly<Record<string, LimitRange>>;

/** Returns invalid values for a limit of this range, each with a name for test titles. */
export function notIntegers({ least, most }: Pick<LimitRange, "least" | "most">): readonly Named[] {
  return [
    ["NaN", Number.NaN],
    ["infinity", Number.POSITIVE_INFINITY],
    ["a negative number", -1],
    ["below the minimum", least - 1],
    ["above the maximum", most + 1],
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

/** Returns one `limits` object for each limit and each of its invalid values. */
export function impossibleLimits(ranges: Ranges): readonly [what: string, limits: object][] {
  return Object.entries(ranges).flatMap(([name, range]) =>
    notIntegers(range).map(([what, value]): [string, object] => [`${name}: ${what}`, { [name]: value }]),
  );
}

/** Returns one `limits` object for each limit at each end of its range. */
export function extremeLimits(ranges: Ranges): readonly object[] {
  return Object.entries(ranges).flatMap(([name, { least, most }]) => [{ [name]: least }, { [name]: most }]);
}
