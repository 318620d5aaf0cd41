import { matchPattern } from "@nacre/wire";

/** Origin of a client, for `from=`. */
export interface ClientOrigin {
  /** IP address; `undefined` if unknown. IPv4 addresses are dotted, not IPv4-mapped IPv6. */
  readonly address: string | undefined;
  /** Host name, if a reverse lookup found it and a forward lookup confirmed it. */
  readonly hostName?: string | undefined;
}

/** Returns whether a list of patterns matches a client. */
export type OriginMatcher = (client: ClientOrigin) => boolean;

interface Network {
  /** Address, 4 or 16 bytes. */
  readonly bytes: Uint8Array;
  /** Prefix length in bits. */
  readonly length: number;
}

/**
 * Parses a `from=` list (sshd(8); ssh_config(5), PATTERNS). Its entries are separated by commas: patterns of names and addresses with `*`
 * and `?`, and networks such as `192.0.2.0/24` or `2001:db8::/32`. An entry with a leading `!` refuses the clients it matches, even if
 * another entry matches too. Returns a description of the problem if sshd would reject the list.
 */
export function parseOrigins(list: string): OriginMatcher | string {
  const matchers: { readonly negated: boolean; readonly matches: OriginMatcher }[] = [];
  for (const entry of list.split(",")) {
    const negated = entry.startsWith("!");
    const pattern = negated ? entry.slice(1) : entry;
    if (pattern === "") return "empty pattern";
    const network = parseNetwork(pattern);
    if (typeof network === "string") return network;
    matchers.push({ negated, matches: network === undefined ? nameMatcher(pattern) : networkMatcher(network) });
  }
  return (client) =>
    client.address !== undefined &&
    matchers.some(({ negated, matches }) => !negated && matches(client)) &&
    !matchers.some(({ negated, matches }) => negated && matches(client));
}

/**
 * Parses the addresses of a certificate's `source-address`: only addresses and networks, without names, wildcards or `!`. Returns a
 * description of the problem for any other list.
 */
export function parseNetworks(list: string): OriginMatcher | string {
  const matchers: OriginMatcher[] = [];
  for (const entry of list.split(",")) {
    const network = parseNetwork(entry);
    // rule: source-address-networks
    if (network === undefined) return `${entry} is no address`;
    if (typeof network === "string") return network;
    matchers.push(networkMatcher(network));
  }
  return (client) => matchers.some((matches) => matches(client));
}

function nameMatcher(pattern: string): OriginMatcher {
  const lower = pattern.toLowerCase();
  return ({ address, hostName }) =>
    [address, hostName].some((name) => name !== undefined && matchPattern(name.toLowerCase(), lower));
}

function networkMatcher({ bytes, length }: Network): OriginMatcher {
  return ({ address }) => {
    // Drop the zone of a link-local address: it is valid only on this machine.
    const client = parseAddress(address?.replace(/%.*$/, "") ?? "");
    if (client?.length !== bytes.length) return false;
    return bytes.every((byte, index) => {
      const mask = (0xff00 >> Math.min(8, Math.max(0, length - index * 8))) & 0xff;
      return (client[index]! & mask) === byte;
    });
  };
}

/** Parses a network or one address. `undefined` for other text; a string says why a network is invalid. */
function parseNetwork(pattern: string): Network | string | undefined {
  const [, text, mask] = /^([^/]*)(?:\/(\d{1,9}))?$/.exec(pattern) ?? [];
  const bytes = parseAddress(text ?? "");
  // sshd reads 10.1/16 as a network. As a pattern it would match no client, so a `!` before it would refuse none.
  if (bytes === undefined)
    return /^\d+(?:\.\d+){0,3}(?:\/.*)?$|:.*\//s.test(pattern) ? `${pattern} is not an address` : undefined;
  const length = mask === undefined ? bytes.length * 8 : Number(mask);
  if (length > bytes.length * 8) return `${pattern} has a mask longer than its address`;
  const network: Network = { bytes, length };
  const hostBits = bytes.some((byte, index) => (byte & (0xff >> Math.min(8, Math.max(0, length - index * 8)))) !== 0);
  return hostBits ? `${pattern} has bits outside its mask` : network;
}

/** Returns the 4 or 16 bytes of an IP address; `undefined` for other text. */
export function parseAddress(text: string): Uint8Array | undefined {
  const dotted = parseIpv4(text);
  if (dotted !== undefined) return Uint8Array.from(dotted);
  const halves = text.split("::");
  if (!text.includes(":") || halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => parseGroups(half));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const given = [...head, ...(tail ?? [])];
  if (halves.length === 2 ? given.length > 14 : given.length !== 16) return undefined;
  return Uint8Array.from([...head, ...Array.from({ length: 16 - given.length }, () => 0), ...(tail ?? [])]);
}

/** Parses groups of up to four hexadecimal digits. The last group may be an IPv4 address. */
function parseGroups(text: string): number[] | undefined {
  const bytes: number[] = [];
  if (text === "") return bytes;
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    const dotted = index === groups.length - 1 ? parseIpv4(group) : undefined;
    if (dotted !== undefined) {
      bytes.push(...dotted);
    } else if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    } else {
      return undefined;
    }
  }
  return bytes;
}

function parseIpv4(text: string): number[] | undefined {
  // Refuse leading zeros: some programs read such a number as octal, others as decimal.
  if (!/^(?:(?:0|[1-9]\d{0,2})(?:\.(?!$)|$)){4}$/.test(text)) return undefined;
  const bytes = text.split(".").map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}
