// Checks of names and messages. `parseName` and `parseText` check all input, and `printable` escapes output for terminals. The page needs
// no escaping: it shows texts with `textContent`, which the browser never parses as HTML.

/** Maximum length of a name in characters (code points). */
export const MAX_NAME = 20;
/** Maximum length of a message in characters (code points). */
export const MAX_TEXT = 500;

/** Starts with a letter or digit of any script. The rest may also contain marks, dots, dashes and underscores. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._-]*$/u;
/** Invisible characters. Some count as letters, such as the Hangul filler. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u;
const VISIBLE = /[^\p{Default_Ignorable_Code_Point}]/u;
/**
 * Matches control characters (ESC starts terminal escape sequences), line and paragraph separators, lone surrogates, and invisible
 * characters (some reverse the direction of the line). Joiners and variation selectors are allowed, because emoji and some scripts need
 * them.
 */
const UNPRINTABLE =
  /(?!\u200c|\u200d|[\ufe00-\ufe0f])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * Normalizes a name. Returns `undefined` if the name is invalid. Different spellings of one name, such as "Ann" and "ann", give the same
 * result, so comparing results is enough to keep names unique.
 */
export function parseName(raw: string): string | undefined {
  if (raw.length > MAX_NAME * 4) return undefined;
  const name = raw.normalize("NFKC").toLowerCase().normalize("NFKC");
  return NAME.test(name) && !INVISIBLE.test(name) && lengthOf(name) <= MAX_NAME ? name : undefined;
}

/** Returns a message as one line of printable text; empty if nothing visible remains. Returns `undefined` if it is too long. */
export function parseText(raw: string): string | undefined {
  if (raw.length > MAX_TEXT * 4) return undefined;
  // Collapse white space to single spaces: padding could wrap a line so that it looks like two.
  const text = raw.normalize("NFC").replace(/\s+/g, " ").replace(UNPRINTABLE, "").trim();
  if (!VISIBLE.test(text)) return "";
  return lengthOf(text) <= MAX_TEXT ? text : undefined;
}

/** Replaces every character that a terminal could interpret as a command. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, "\ufffd");
}

/** Returns the number of code points. `length` counts an emoji as two. */
function lengthOf(text: string): number {
  return Array.from(text).length;
}
