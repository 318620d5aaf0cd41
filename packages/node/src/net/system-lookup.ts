/** Returns the addresses of a host name in the order of the system's resolver. `family` is 4, 6, or 0 for both. */
export async function systemLookup(host: string, family: 0 | 4 | 6 = 0): Promise<readonly string[]> {
  // Imported here because most programs resolve no names, and the import takes a millisecond.
  const { lookup } = await import("node:dns/promises");
  const found = await lookup(host, { all: true, verbatim: true, family });
  return found.map(({ address }) => address);
}
