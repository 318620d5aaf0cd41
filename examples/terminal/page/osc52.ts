/** Most characters of base64 in one request: 96 KiB of text. xterm.js itself accepts 10 million. */
const MAX_BASE64 = 128 * 1024;

/**
 * Parses the data of an OSC 52 sequence (xterm control sequences, "Manipulate Selection Data"). Returns the text that the program wants to
 * put on the clipboard. Returns `undefined` for a request to read the clipboard, which is never answered, and for invalid data.
 */
export function clipboardText(data: string): string | undefined {
  const [, base64 = ""] = /^[a-z0-7]*;([\w+/]+={0,2})$/.exec(data) ?? [];
  if (base64 === "" || base64.length > MAX_BASE64) return undefined;
  try {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Most characters of a preview. */
const MAX_PREVIEW = 500;

/** Returns the beginning of a text with control characters made visible, so that the user sees line breaks and escape sequences. */
export function preview(text: string): string {
  const shown = text.length > MAX_PREVIEW ? `${text.slice(0, MAX_PREVIEW)}…` : text;
  // Line breaks stay, with a mark: a pasted line break runs a command.
  return shown.replaceAll(/\r?\n|[\p{Cc}\p{Cf}]/gu, (control) =>
    control.endsWith("\n") ? "⏎\n" : `\\u{${control.codePointAt(0)!.toString(16)}}`,
  );
}
