/**
 * Returns whether `text` matches a pattern with `*` and `?`. Takes time in proportion to the product of both lengths at most: only the last
 * `*` is ever tried again, since an earlier one has nothing to win.
 */
export function matchPattern(text: string, pattern: string): boolean {
  // rule: config-linear-match
  return matchFrom(text, pattern);
}

function matchFrom(text: string, pattern: string): boolean {
  let t = 0;
  let p = 0;
  let star = -1;
  let starText = 0;
  while (t < text.length) {
    if (pattern[p] === "*") {
      star = p++;
      starText = t;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++starText;
    } else {
      return false;
    }
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}

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
