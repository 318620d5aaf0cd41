const ARROWS: Readonly<Record<string, string>> = { ArrowUp: "A", ArrowDown: "B", ArrowRight: "C", ArrowLeft: "D" };
const OTHERS: Readonly<Record<string, string>> = { Escape: "\x1b", Tab: "\t" };

/** Modifiers and modes that change the bytes of a key. */
export interface KeyModes {
  readonly control: boolean;
  /** Whether the program requested application cursor keys (DECCKM). */
  readonly applicationCursor: boolean;
}

/** Returns the characters that a key of the key row sends, or an empty string for an unknown key. */
export function keySequence(key: string, { control, applicationCursor }: KeyModes): string {
  const arrow = ARROWS[key];
  if (arrow === undefined) return OTHERS[key] ?? "";
  if (control) return `\x1b[1;5${arrow}`;
  return `\x1b${applicationCursor ? "O" : "["}${arrow}`;
}

/** Returns the control character of a typed character: `c` becomes Ctrl-C. Returns other text unchanged. */
export function withControl(text: string): string {
  if (text === " ") return "\0";
  if (text === "?") return "\x7f";
  return /^[@-_a-z]$/.test(text) ? String.fromCharCode(text.toUpperCase().charCodeAt(0) & 0x1f) : text;
}
