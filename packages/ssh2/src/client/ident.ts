/** Longest software version, without the "SSH-2.0-" before it and CR LF behind (RFC 4253 §4.2). */
const MAX_LENGTH = 245;

/**
 * Returns the software version for the option `ident`; `undefined` without one. ssh2 sends any text. A software version has only
 * printable US-ASCII without spaces and "-" (RFC 4253 §4.2). Each other character becomes "_".
 */
export function softwareVersionOf(ident: string | Buffer | undefined): string | undefined {
  const text = typeof ident === "string" ? ident : ident?.toString("latin1");
  if (!text) return undefined;
  return text.replace(/[^!-,.-~]/g, "_").slice(0, MAX_LENGTH);
}
