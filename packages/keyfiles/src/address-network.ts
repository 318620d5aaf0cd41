import { escapeText, SshError } from "@nacre/wire";
import { type OriginMatcher, parseAddress, parseOrigins } from "./address-match.ts";

/** How many leading bits of an address name one source, as sshd's PerSourceNetBlockSize. */
export interface NetBlockSize {
  readonly ipv4: number;
  readonly ipv6: number;
}

/**
 * Returns an IPv4 address as such where the system shows it as an IPv6 one (`::ffff:192.0.2.7`, RFC 4291 §2.5.5.2). Rules are written for
 * the former: a `from="!192.0.2.7,*"` would let the latter in.
 */
export function plainAddress(address: string): string {
  const inner = /^::ffff:(.*)$/i.exec(address)?.[1];
  return inner !== undefined && parseAddress(inner)?.length === 4 ? inner : address;
}

/** The network that an address belongs to, as one text for all its addresses; `undefined` for anything but an IP address. */
export function networkOf(address: string, { ipv4, ipv6 }: NetBlockSize): string | undefined {
  // The zone of a link-local address names an interface of this machine.
  const bytes = parseAddress(address.replace(/%.*$/, ""));
  if (bytes === undefined) return undefined;
  const length = bytes.length === 4 ? ipv4 : ipv6;
  const network = bytes.map((byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, length - index * 8))));
  return `${network.join(".")}/${length}`;
}

/** The matcher of addresses and networks (`192.0.2.0/24`). Throws `usage`, which names `option`, for a list that has anything else. */
export function addressMatcher(option: string, networks: readonly string[]): (address: string) => boolean {
  const matchers = networks.map((network): OriginMatcher => {
    const matches = parseAddress(network.replace(/\/\d+$/, "")) && parseOrigins(network);
    if (typeof matches === "function") return matches;
    const problem = matches ?? "it is neither an IP address nor a network such as 192.0.2.0/24";
    throw new SshError("usage", `${option}: ${escapeText(network)} cannot be used: ${problem}`);
  });
  return (address) => matchers.some((matches) => matches({ address }));
}
