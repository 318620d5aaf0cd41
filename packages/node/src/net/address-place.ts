import { networkInterfaces } from "node:os";
import { addressBytes, addressScope } from "@nacre/keyfiles/internal";

/** Where an IP address leads: to this machine, to its link, or farther. */
export type AddressPlace = "machine" | "link" | "elsewhere";

/** Returns the addresses of this machine's interfaces. */
export function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address));
}

/**
 * Returns where an IP address leads. Loopback and unspecified addresses are of this machine, as are those of its interfaces, `own`; link-local ones
 * are of its link, also its own. IPv6 forms of an IPv4 address count as that address. Text that is no IP address counts as of the link.
 */
export function addressPlace(address: string, own: readonly string[]): AddressPlace {
  const scope = addressScope(address);
  if (scope === undefined || scope === "link") return "link";
  const bytes = addressBytes(address)?.join();
  // rule: own-address
  if (own.some((one) => addressBytes(one)?.join() === bytes)) return "machine";
  return scope === "machine" ? "machine" : "elsewhere";
}
