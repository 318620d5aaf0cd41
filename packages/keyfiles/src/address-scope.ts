import { parseAddress } from "./address-match.ts";

/**
 * Scope of an IP address:
 * - `machine`: the local machine (127.0.0.0/8, 0.0.0.0/8, ::, ::1, and the obsolete ::/96);
 * - `link`: the local link (169.254.0.0/16, including cloud metadata services, and fe80::/10);
 * - `private`: the network of a site or provider (RFC 1918, RFC 6598, fc00::/7, fec0::/10);
 * - `multicast`;
 * - `reserved`: documentation, benchmarking, and unassigned addresses;
 * - `translated`: a public IPv4 address embedded in an IPv6 address (mapped, NAT64, 6to4), or Teredo;
 * - `global`: public unicast.
 */
export type AddressScope = "machine" | "link" | "private" | "multicast" | "reserved" | "translated" | "global";

/**
 * Returns the scope of an IP address. An IPv6 address with an embedded non-public IPv4 address has the scope of that IPv4 address. Returns
 * `undefined` for an invalid address.
 */
export function addressScope(address: string): AddressScope | undefined {
  // Ignore the zone of a link-local address: it names a local interface.
  const bytes = parseAddress(address.replace(/%.*$/, ""));
  if (bytes === undefined) return undefined;
  if (bytes.length === 4) return scopeIn(IPV4(), bytes) ?? "global";
  // rule: mapped-address
  const inner = innerAddress(bytes);
  if (inner !== undefined) return scopeIn(IPV4(), inner) ?? "translated";
  // Public unicast addresses are all within 2000::/3 (RFC 4291 §2.4).
  return scopeIn(IPV6(), bytes) ?? ((bytes[0]! & 0xe0) === 0x20 ? "global" : "reserved");
}

/**
 * Returns the bytes of an IP address; those of the IPv4 address that is embedded in an IPv6 address (mapped, NAT64, 6to4). Returns
 * `undefined` for an invalid address.
 */
export function addressBytes(address: string): Uint8Array | undefined {
  // Ignore the zone of a link-local address: it names a local interface.
  const bytes = parseAddress(address.replace(/%.*$/, ""));
  return (bytes?.length === 16 ? innerAddress(bytes) : undefined) ?? bytes;
}

interface Block {
  readonly prefix: Uint8Array;
  readonly length: number;
  readonly scope: AddressScope;
}

// @__NO_SIDE_EFFECTS__
function block(network: string, scope: AddressScope): Block {
  const [address = "", length] = network.split("/");
  return { prefix: parseAddress(address)!, length: Number(length), scope };
}

/** Parses a table on its first use: most programs need none, and parsing costs a new process a millisecond. */
// @__NO_SIDE_EFFECTS__
function onFirstUse(parse: () => readonly Block[]): () => readonly Block[] {
  let parsed: readonly Block[] | undefined;
  return () => (parsed ??= parse());
}

/** Special-purpose IPv4 addresses: the IANA registry (RFC 6890), and one address of Azure. */
const IPV4 = onFirstUse(() => [
  block("0.0.0.0/8", "machine"),
  block("127.0.0.0/8", "machine"),
  block("169.254.0.0/16", "link"),
  block("10.0.0.0/8", "private"),
  block("100.64.0.0/10", "private"),
  block("172.16.0.0/12", "private"),
  block("192.168.0.0/16", "private"),
  // Azure's metadata and DNS service, reachable only from its virtual machines.
  block("168.63.129.16/32", "link"),
  block("192.0.0.0/24", "reserved"),
  block("192.0.2.0/24", "reserved"),
  block("192.88.99.0/24", "reserved"),
  block("198.18.0.0/15", "reserved"),
  block("198.51.100.0/24", "reserved"),
  block("203.0.113.0/24", "reserved"),
  block("224.0.0.0/4", "multicast"),
  block("240.0.0.0/4", "reserved"),
]);

/** Special-purpose IPv6 addresses from the IANA registry (RFC 6890), inside and outside 2000::/3. */
const IPV6 = onFirstUse(() => [
  // ::, ::1 and the obsolete IPv4-compatible addresses (RFC 4291 §2.5.5.1).
  block("::/96", "machine"),
  block("fe80::/10", "link"),
  block("fc00::/7", "private"),
  block("fec0::/10", "private"),
  block("ff00::/8", "multicast"),
  // Teredo (RFC 4380): the embedded IPv4 address belongs to a client behind a NAT.
  block("2001::/32", "translated"),
  block("2001::/23", "reserved"),
  block("2001:db8::/32", "reserved"),
  block("3fff::/20", "reserved"),
]);

/** Prefixes of IPv6 addresses that embed an IPv4 address: mapped (RFC 4291 §2.5.5.2), NAT64 (RFC 6052 §2.1), 6to4 (RFC 3056). */
const OUTER = onFirstUse(() => [
  block("::ffff:0:0/96", "translated"),
  block("64:ff9b::/96", "translated"),
  block("2002::/16", "translated"),
]);

function innerAddress(bytes: Uint8Array): Uint8Array | undefined {
  const outer = OUTER().find((one) => isWithin(one, bytes));
  return outer && bytes.slice(outer.length / 8, outer.length / 8 + 4);
}

function scopeIn(blocks: readonly Block[], bytes: Uint8Array): AddressScope | undefined {
  return blocks.find((one) => isWithin(one, bytes))?.scope;
}

function isWithin({ prefix, length }: Block, bytes: Uint8Array): boolean {
  return prefix.every((byte, index) => {
    const mask = (0xff00 >> Math.min(8, Math.max(0, length - index * 8))) & 0xff;
    return (bytes[index]! & mask) === byte;
  });
}
