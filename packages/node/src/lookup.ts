import { isIP } from "node:net";

/** Resolves a name to IP addresses, preferred first. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/**
 * Maximum number of concurrent lookups. Each occupies one of the four threads that Node also uses to read files, so slow lookups could
 * delay logins.
 */
const MAX_LOOKUPS = 2;

/** Resolves a name with the system's resolver. An IP address resolves to itself. Rejects like `dns.promises.lookup`. */
export const lookupNames: Lookup = boundedLookup(async (host) => {
  // Imported here because most programs resolve no names, and the import takes a millisecond.
  const { lookup } = await import("node:dns/promises");
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}, MAX_LOOKUPS);

/** Limits a lookup function to `most` concurrent calls; further calls are queued. */
export function boundedLookup(resolve: Lookup, most: number): Lookup {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (host) => {
    if (isIP(host) !== 0) return [host];
    if (running < most) running++;
    else await new Promise<void>((go) => waiting.push(go));
    try {
      return await resolve(host);
    } finally {
      // Pass the slot to the next queued lookup.
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
