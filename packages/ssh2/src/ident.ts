/** Longest software version, without the leading "SSH-2.0-" and the trailing CR LF (RFC 4253 §4.2). */
const MAX_LENGTH = 245;

/**
 * Returns the software version for the option `ident`; `undefined` without one. RFC 4253 §4.2 allows only printable US-ASCII without space
 * and "-"; other characters become "_". ssh2 sends any text.
 */
export function softwareVersionOf(ident: string | Buffer | undefined): string | undefined {
  const text = typeof ident === "string" ? ident : ident?.toString("latin1");
  if (!text) return undefined;
  return text.replace(/[^!-,.-~]/g, "_").slice(0, MAX_LENGTH);
}
