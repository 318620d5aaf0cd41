import { SYSTEM_LOOKUPS } from "../net/lookup.ts";

/** Maximum number of aliases that are followed. */
const MAX_ALIASES = 8;

/** Returns the canonical name of a host, or `undefined` if the name does not resolve. */
export async function canonicalHost(name: string): Promise<string | undefined> {
  try {
    await SYSTEM_LOOKUPS.lookup(name, { users: [] });
  } catch {
    return undefined;
  }
  // Imported here because most configurations canonicalize no names.
  const { Resolver } = await import("node:dns/promises");
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  let canonical = name;
  for (let i = 0; i < MAX_ALIASES; i++) {
    // A name of /etc/hosts has no such record, nor has a canonical one.
    const [target] = await resolver.resolveCname(canonical).catch(() => []);
    if (target === undefined) break;
    canonical = target;
  }
  return canonical.replace(/\.$/, "");
}
