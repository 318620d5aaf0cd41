import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

/** Resolves a name to IP addresses, preferred first. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** Lookups at once. Each holds one of the four threads that Node also reads files with, and slow names must not delay logins. */
const MAX_LOOKUPS = 2;

/** Asks the system's resolver. An IP address resolves to itself. Rejects as `dns.promises.lookup` does. */
export const lookupNames: Lookup = boundedLookup(async (host) => {
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}, MAX_LOOKUPS);

/** Runs at most `most` lookups at once; others wait for their turn. */
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
      // The place goes to the next one that waits.
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
