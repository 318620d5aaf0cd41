import { escapeText, SshError } from "@nacre/wire";
import { type OriginMatcher, parseAddress, parseOrigins } from "./address-match.ts";

/** Number of leading address bits that identify a source, as in sshd's PerSourceNetBlockSize. */
export interface NetBlockSize {
  readonly ipv4: number;
  readonly ipv6: number;
}

/**
 * Returns the IPv4 form of an IPv4-mapped IPv6 address (`::ffff:192.0.2.7`, RFC 4291 §2.5.5.2), and any other address unchanged. Patterns
 * use the IPv4 form: without this conversion, `from="!192.0.2.7,*"` would accept the mapped form.
 */
export function plainAddress(address: string): string {
  const inner = /^::ffff:(.*)$/i.exec(address)?.[1];
  return inner !== undefined && parseAddress(inner)?.length === 4 ? inner : address;
}

/** Returns a string that identifies the network of an address. Returns `undefined` if `address` is not an IP address. */
export function networkOf(address: string, { ipv4, ipv6 }: NetBlockSize): string | undefined {
  // Ignore the zone of a link-local address: it names a local interface.
  const bytes = parseAddress(address.replace(/%.*$/, ""));
  if (bytes === undefined) return undefined;
  const length = bytes.length === 4 ? ipv4 : ipv6;
  const network = bytes.map((byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, length - index * 8))));
  return `${network.join(".")}/${length}`;
}

/**
 * Returns a function that matches addresses against a list of addresses and networks (`192.0.2.0/24`). Throws `usage`, naming `option`, for
 * other entries.
 */
export function addressMatcher(option: string, networks: readonly string[]): (address: string) => boolean {
  const matchers = networks.map((network): OriginMatcher => {
    const matches = parseAddress(network.replace(/\/\d+$/, "")) && parseOrigins(network);
    if (typeof matches === "function") return matches;
    const problem = matches ?? "expected an IP address or a network such as 192.0.2.0/24";
    throw new SshError("usage", `invalid entry ${escapeText(network)} in \`${option}\`: ${problem}`);
  });
  return (address) => matchers.some((matches) => matches({ address }));
}
