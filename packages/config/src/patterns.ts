import { matchPattern } from "@nacre/wire";

/**
 * Matches text against a list with commas. `"yes"`: a pattern matches and no negated one does; `"no"`: a negated pattern matches;
 * `"none"`: nothing matches.
 */
export function matchList(
  text: string,
  list: string,
  options?: { readonly ignoreCase?: boolean },
): "yes" | "no" | "none" {
  const fold = (value: string) => (options?.ignoreCase ? value.toLowerCase() : value);
  const subject = fold(text);
  let found = false;
  for (const entry of fold(list).split(",")) {
    const negated = entry.startsWith("!");
    if (!matchPattern(subject, negated ? entry.slice(1) : entry)) continue;
    if (negated) return "no";
    found = true;
  }
  return found ? "yes" : "none";
}
