import { matchPattern } from "./known-host-names.ts";

/** Where a client is, for `from=`. */
export interface ClientOrigin {
  /** Its IP address, an IPv4 one not clothed as IPv6; `undefined` where that is not known. */
  readonly address: string | undefined;
  /** Its name, where that was looked up, and back. */
  readonly hostName?: string | undefined;
}

/** Whether a list of patterns takes in a client. */
export type OriginMatcher = (client: ClientOrigin) => boolean;

interface Network {
  /** 4 or 16. */
  readonly bytes: Uint8Array;
  /** Bits that count. */
  readonly length: number;
}

/**
 * The matcher of a `from=` list (sshd(8); ssh_config(5), PATTERNS): patterns of names and addresses with `*` and `?`, and networks
 * as `192.0.2.0/24` or `2001:db8::/32`, parted by commas; one after `!` refuses what it takes in, whatever else is said.
 * Returns what is wrong with a list that sshd would not follow.
 */
export function parseOrigins(list: string): OriginMatcher | string {
  const matchers: { readonly negated: boolean; readonly matches: OriginMatcher }[] = [];
  for (const entry of list.split(",")) {
    const negated = entry.startsWith("!");
    const pattern = negated ? entry.slice(1) : entry;
    if (pattern === "") return "it has an empty pattern";
    const network = parseNetwork(pattern);
    if (typeof network === "string") return network;
    matchers.push({ negated, matches: network === undefined ? nameMatcher(pattern) : networkMatcher(network) });
  }
  return (client) =>
    client.address !== undefined &&
    matchers.some(({ negated, matches }) => !negated && matches(client)) &&
    !matchers.some(({ negated, matches }) => negated && matches(client));
}

function nameMatcher(pattern: string): OriginMatcher {
  const lower = pattern.toLowerCase();
  return ({ address, hostName }) =>
    [address, hostName].some((name) => name !== undefined && matchPattern(name.toLowerCase(), lower));
}

function networkMatcher({ bytes, length }: Network): OriginMatcher {
  return ({ address }) => {
    // The zone of a link-local address has a meaning on this machine only.
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
  if (bytes === undefined) return undefined;
  const length = mask === undefined ? bytes.length * 8 : Number(mask);
  if (length > bytes.length * 8) return `${pattern} has a longer mask than its address`;
  const network: Network = { bytes, length };
  const hostBits = bytes.some((byte, index) => (byte & (0xff >> Math.min(8, Math.max(0, length - index * 8)))) !== 0);
  return hostBits ? `${pattern} has bits outside of its mask` : network;
}

/** The 4 or 16 bytes of an IP address; `undefined` for anything else. */
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

/** The bytes of groups of four hexadecimal digits, the last of which may be an IPv4 address. */
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
  // A leading zero means octal to some and not to others.
  if (!/^(?:(?:0|[1-9]\d{0,2})(?:\.(?!$)|$)){4}$/.test(text)) return undefined;
  const bytes = text.split(".").map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}
