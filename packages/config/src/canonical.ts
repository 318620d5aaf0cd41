import { canonicalAddress } from "./addresses.ts";
import { matchList } from "./patterns.ts";
import { configError } from "./problems.ts";
import { type Asking, ask } from "./request.ts";
import type { ConfigState } from "./state.ts";

/** Returns the name to connect to: an address in its usual form, a name completed by CanonicalDomains, or what a permitted CNAME says. */
export function* canonicalName(state: ConfigState, name: string): Asking<string> {
  const address = canonicalAddress(name);
  const family = state.get("addressFamily") ?? "any";
  const isOther = address !== undefined && family !== "any" && (family === "inet6") !== address.includes(":");
  if (address !== undefined && !isOther) return address;
  const proxy = state.get("proxy");
  const isDirect =
    proxy === undefined ||
    proxy.kind === "direct" ||
    (proxy.kind === "jump" && proxy.hops.length === 0) ||
    (proxy.kind === "command" && proxy.command.toLowerCase() === "none");
  const mode = state.get("canonicalizeHostname") ?? "no";
  // A proxy resolves names in its own way, unless the configuration says otherwise.
  const applies = mode === "always" || (mode === "yes" && isDirect);
  // quirk: an address of the other family stays as it is written, and fails only if it is looked up.
  if (applies && !isOther) {
    const found = yield* qualifiedName(state, name);
    if (found !== undefined) return found;
  }
  const rules = state.get("canonicalizePermittedCNAMEs") ?? [];
  if (rules.length === 0 || !(isDirect || mode === "always")) return name;
  const canonical = isOther ? undefined : yield* ask("lookup", { name });
  if (canonical === undefined && isDirect) {
    const why = isOther ? "Address family for hostname not supported" : "Name or service not known";
    throw configError([`ssh: Could not resolve hostname ${name}: ${why}`], "connection-failed");
  }
  return followed(state, name, canonical, applies);
}

/** Tries the domains of CanonicalDomains. `undefined` if the name has dots enough or is in none of them. */
function* qualifiedName(state: ConfigState, name: string): Asking<string | undefined> {
  const domains = (state.get("canonicalDomains") ?? []).filter((domain) => domain.toLowerCase() !== "none");
  const isAnchored = name.endsWith(".");
  if (!isAnchored && name.split(".").length - 1 > (state.get("canonicalizeMaxDots") ?? 1)) return undefined;
  for (const full of isAnchored ? [name] : domains.map((domain) => `${name}.${domain}.`)) {
    const canonical = yield* ask("lookup", { name: full });
    if (canonical !== undefined) return followed(state, full.slice(0, -1), canonical, true);
  }
  if (state.get("canonicalizeFallbackLocal") === false)
    throw configError([`ssh: Could not resolve host "${name}"`], "connection-failed");
  return undefined;
}

/** Returns the canonical name if a rule of CanonicalizePermittedCNAMEs permits it. */
function followed(state: ConfigState, name: string, canonical: string | undefined, applies: boolean): string {
  if (!applies || canonical === undefined || canonical === "" || canonical === name) return name;
  const rules = state.get("canonicalizePermittedCNAMEs") ?? [];
  const permits = rules.some(
    ({ source, target }) => matchList(name, source) === "yes" && matchList(canonical, target) === "yes",
  );
  // It is an answer from the network, and reaches shells through `%h`.
  // rule: config-canonical-name
  if (!/^[a-z0-9_](?:\.?[a-z0-9_-])*$/i.test(canonical)) return name;
  return permits ? canonical : name;
}
