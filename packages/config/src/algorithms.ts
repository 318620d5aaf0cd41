import { matchPattern } from "@nacre/wire";
import type { Line } from "./line.ts";
import { matchList } from "./patterns.ts";
import type { AlgorithmList } from "./request.ts";

/** A list that turns out empty or negated, which is an error only if it is used. */
export const NO_ALGORITHMS: readonly string[] = [];

/**
 * Reads an algorithm list: `a,b` replaces the default, `+a` appends to it, `^a` puts first, `-pattern` removes. `wildcards`: positive names
 * may be patterns, as for key types. `what` begins the message for an unknown name.
 */
export function parseAlgorithms(
  line: Line,
  list: AlgorithmList,
  { wildcards, what }: { readonly wildcards?: boolean; readonly what: string },
): readonly string[] {
  const text = line.need();
  const sign = "+-^".includes(text[0]!) ? text[0]! : "";
  const names = text.slice(sign.length);
  if (sign === "-") return list.default.filter((name) => matchList(name, names) !== "yes");
  const known = (name: string) =>
    list.known.includes(name) || (wildcards === true && list.known.some((one) => matchList(one, name) !== "none"));
  // quirk: the check stops at an empty name.
  const written = names.split(",");
  const end = written.indexOf("");
  const unknown = written.slice(0, end < 0 ? undefined : end).find((name) => !known(name));
  // quirk: only a key exchange method is named by itself too.
  const named =
    unknown !== undefined && list === line.context.algorithms.kex ? [`Unsupported KEX algorithm "${unknown}"`] : [];
  if (names === "" || unknown !== undefined) line.fail(`${what} '${text}'.`, ...named);
  const all = sign === "+" ? [...list.default, ...written] : sign === "^" ? [...written, ...list.default] : written;
  if (all.some((name) => name.startsWith("!"))) return NO_ALGORITHMS;
  const found = all.flatMap((pattern) => list.known.filter((name) => matchPattern(name, pattern)));
  return found.length === 0 ? NO_ALGORITHMS : [...new Set(found)];
}
