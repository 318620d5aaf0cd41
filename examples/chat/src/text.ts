// What a name and a message may contain. Every text passes here once on its way in (`parseName`, `parseText`), and once more on its way to
// a terminal (`printable`). The page needs no second step: it shows texts with `textContent`, which never becomes HTML.

/** Maximum length of a name in characters (code points). */
export const MAX_NAME = 20;
/** Maximum length of a message in characters (code points). */
export const MAX_TEXT = 500;

/** A letter or digit of any script, then also marks, dots, dashes and underscores. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._-]*$/u;
/** Characters without a shape of their own, such as the Hangul filler, which is a letter. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u;
const VISIBLE = /[^\p{Default_Ignorable_Code_Point}]/u;
/**
 * Control characters (ESC starts the escape sequences of terminals), line and paragraph separators, halves of surrogate pairs, and
 * invisible characters (some reverse the direction of the line). Joiners and variation selectors are allowed, because emoji and some
 * scripts need them.
 */
const UNPRINTABLE =
  /(?!\u200c|\u200d|[\ufe00-\ufe0f])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * Returns the name in its one spelling, or `undefined` if it is invalid. Two spellings of one name, such as "Ann" and "ann", give the same
 * result, so that comparing results is enough to keep names unique.
 */
export function parseName(raw: string): string | undefined {
  if (raw.length > MAX_NAME * 4) return undefined;
  const name = raw.normalize("NFKC").toLowerCase().normalize("NFKC");
  return NAME.test(name) && !INVISIBLE.test(name) && lengthOf(name) <= MAX_NAME ? name : undefined;
}

/** Returns a message as one line of printable text; empty if nothing visible remains. Returns `undefined` if it is too long. */
export function parseText(raw: string): string | undefined {
  if (raw.length > MAX_TEXT * 4) return undefined;
  // White space becomes single spaces, so that a text cannot pad a line until it looks like two.
  const text = raw.normalize("NFC").replace(/\s+/g, " ").replace(UNPRINTABLE, "").trim();
  if (!VISIBLE.test(text)) return "";
  return lengthOf(text) <= MAX_TEXT ? text : undefined;
}

/** Replaces every character that a terminal could take for a command. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, "\ufffd");
}

/** Returns the number of code points. `length` counts an emoji as two. */
function lengthOf(text: string): number {
  return Array.from(text).length;
}
