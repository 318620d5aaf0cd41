import { addressScope } from "@nacre/keyfiles/internal";

/**
 * Whether an IP address belongs to this machine or its link: loopback, link-local, unspecified, and the forms of these inside IPv6. Anything
 * but an IP address counts as such.
 */
export function isInternalAddress(address: string): boolean {
  const scope = addressScope(address);
  return scope === undefined || scope === "machine" || scope === "link";
}
