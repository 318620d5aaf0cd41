/**
 * Returns the text form of a 16-byte IPv6 address (RFC 5952 §4, §5): `"2001:db8::1"`, `"::ffff:192.0.2.1"`. The form is unique, so that a
 * server's `permitopen` pattern matches every spelling of an address.
 */
export function ipv6Text(bytes: Iterable<number>): string {
  const address = [...bytes];
  const groups = Array.from({ length: 8 }, (_, i) => address[2 * i]! * 256 + address[2 * i + 1]!);
  const { start, length } = longestZeroRun(groups);
  // IPv4-mapped (RFC 4291 §2.5.5.2).
  if (start === 0 && length === 5 && groups[5] === 0xffff) return `::ffff:${address.slice(12).join(".")}`;
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(":");
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`;
}

/** Returns the first of the longest runs of zeros. */
function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let longest = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > longest.length) longest = { start, length: index + 1 - start };
  }
  return longest;
}
