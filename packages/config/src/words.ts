/** A line of ssh_config, split. */
export interface SplitLine {
  /** The keyword in lower case. */
  readonly keyword: string;
  /** The text after the keyword, with its quotes and comments; empty if nothing follows the keyword. */
  readonly rest: string;
}

const BLANKS = " \t\r\n";
const TRAILING = `${BLANKS}\f`;

/** Splits off the keyword of a line. Returns `undefined` for a blank line or a comment. */
export function splitKeyword(text: string): SplitLine | undefined {
  // quirk: NUL ends a line, as in C; form feeds are cut only at the end.
  const nul = text.indexOf("\0");
  let end = nul < 0 ? text.length : nul;
  while (end > 1 && TRAILING.includes(text[end - 1]!)) end--;
  let from = 0;
  // quirk: one `=` may stand before the keyword.
  const [first, after] = keywordAt(text, 0, end);
  let [keyword, at] = [first, after];
  if (keyword === "") {
    from = at;
    [keyword, at] = keywordAt(text, from, end);
  }
  if (keyword === undefined || keyword === "" || keyword.startsWith("#")) return undefined;
  while (at < end && BLANKS.includes(text[at]!)) at++;
  return { keyword: keyword.toLowerCase(), rest: text.slice(at, end) };
}

/**
 * Reads up to a blank, a quote or `=`, and skips the blanks after it, with one `=` among them. A quoted keyword ends at the quote, and a
 * `=` after it belongs to the value. Returns `undefined` for an open quote: quirk: OpenSSH then ignores the line.
 */
function keywordAt(text: string, from: number, end: number): readonly [string | undefined, number] {
  let at = from;
  while (at < end && !`${BLANKS}"=`.includes(text[at]!)) at++;
  const word = text.slice(from, at);
  if (text[at] === '"' && at < end) {
    const close = text.indexOf('"', at + 1);
    if (close < 0 || close >= end) return [undefined, end];
    return [word + text.slice(at + 1, close), skipBlanks(text, close + 1, end)];
  }
  if (at >= end) return [word, end];
  const wasEquals = text[at] === "=";
  at = skipBlanks(text, at + 1, end);
  return [word, !wasEquals && text[at] === "=" && at < end ? skipBlanks(text, at + 1, end) : at];
}

function skipBlanks(text: string, from: number, end: number): number {
  let at = from;
  while (at < end && BLANKS.includes(text[at]!)) at++;
  return at;
}

/**
 * Splits text into words at blanks and tabs. Both quotes group, also in the middle of a word; a backslash is kept except before a quote,
 * a backslash, and a blank outside quotes. `#` at the start of a word ends the line. Returns `undefined` for an open quote.
 */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === " " || text[i] === "\t") continue;
    if (text[i] === "#") break;
    const parts: string[] = [];
    let quote = "";
    let from = i;
    for (; i < text.length; i++) {
      const char = text[i]!;
      if (char === "\\") {
        const next = text[i + 1] ?? "";
        if (next !== "" && (`'"\\`.includes(next) || (quote === "" && next === " "))) {
          parts.push(text.slice(from, i));
          from = ++i;
        }
      } else if (quote === "" && (char === " " || char === "\t")) {
        break;
      } else if (char === quote || (quote === "" && (char === '"' || char === "'"))) {
        parts.push(text.slice(from, i));
        from = i + 1;
        quote = quote === "" ? char : "";
      }
    }
    if (quote !== "") return undefined;
    parts.push(text.slice(from, i));
    words.push(parts.join(""));
  }
  return words;
}
