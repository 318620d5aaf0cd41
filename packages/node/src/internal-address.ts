import { addressScope } from "@nacre/keyfiles/internal";

/**
 * Returns whether an IP address belongs to this machine or its link: loopback, link-local, unspecified, and IPv6 forms of these. Returns
 * true for any string that is not an IP address.
 */
export function isInternalAddress(address: string): boolean {
  const scope = addressScope(address);
  return scope === undefined || scope === "machine" || scope === "link";
}
