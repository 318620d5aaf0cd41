import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

/** Resolves a name to IP addresses, preferred first. An IP address resolves to itself. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** Lookups at once. Each holds one of the four threads that Node reads files with, and a slow name must not stop logins. */
const MAX_LOOKUPS = 2;

let running = 0;
const waiting: (() => void)[] = [];

/** Asks the system's resolver. Rejects as `dns.promises.lookup` does. */
export async function lookupNames(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  if (running < MAX_LOOKUPS) running++;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    const found = await lookup(host, { all: true, verbatim: true });
    return found.map(({ address }) => address);
  } finally {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}
