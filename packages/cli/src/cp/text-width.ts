/**
 * Characters that take two columns: East Asian Wide and Fullwidth (Unicode Standard Annex 11), in ranges that may include unassigned ones.
 * Emoji that are pictures by default take two columns, too.
 */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u3247\u3250-\u4dbf\u4e00-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6b\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18d08}\u{1aff0}-\u{1b2fb}\u{1f200}-\u{1f265}\u{20000}-\u{2fffd}\u{30000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

/** Marks that are drawn over the character before them, and vowels and finals that complete a Hangul syllable. */
const NARROW = /[\p{Mn}\p{Me}\u1160-\u11ff]/u;

/** Returns how many columns of a terminal a text takes. Control characters must be escaped before. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  if (character < "\u0300") return 1;
  if (NARROW.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Returns a text in exactly `width` columns: filled with spaces, or with its beginning replaced by "…", because names end differently. */
export function fitText(text: string, width: number): string {
  const length = textWidth(text);
  if (length <= width) return text + " ".repeat(width - length);
  if (width < 1) return "";
  const characters = Array.from(text);
  let taken = 0;
  let at = characters.length;
  while (at > 0 && taken + characterWidth(characters[at - 1]!) < width) taken += characterWidth(characters[--at]!);
  // A mark without its character would be drawn over the "…".
  while (at < characters.length && NARROW.test(characters[at]!)) at++;
  return `…${characters.slice(at).join("")}${" ".repeat(width - 1 - taken)}`;
}

/** Returns a text with spaces after it up to `width` columns. Longer text is returned as it is. */
export function padText(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - textWidth(text)));
}
