import { parseAddress } from "@nacre/keyfiles/internal";

/**
 * Returns whether an IP address belongs to this machine or its link: loopback, link-local, unspecified, and IPv6 forms of these. Returns
 * true for any string that is not an IP address.
 */
export function isInternalAddress(address: string): boolean {
  // Ignore the zone of a link-local address, which names a local interface.
  const bytes = parseAddress(address.replace(/%.*$/, ""));
  if (bytes === undefined) return true;
  if (bytes.length === 4) return isInternal4(bytes);
  const [first = 0, second = 0] = bytes;
  // fe80::/10, link-local (RFC 4291 §2.5.6).
  if (first === 0xfe && (second & 0xc0) === 0x80) return true;
  const prefix = bytes.slice(0, 12).join(".");
  // ::, ::1 and the deprecated IPv4-compatible addresses (RFC 4291 §2.5.5.1).
  if (prefix === COMPATIBLE) return true;
  // rule: mapped-address
  return (prefix === MAPPED || prefix === TRANSLATED) && isInternal4(bytes.slice(12));
}

const COMPATIBLE = "0.0.0.0.0.0.0.0.0.0.0.0";
/** ::ffff:0:0/96, IPv4-mapped (RFC 4291 §2.5.5.2). */
const MAPPED = "0.0.0.0.0.0.0.0.0.0.255.255";
/** 64:ff9b::/96, translated to IPv4 by a gateway (RFC 6052 §2.1). */
const TRANSLATED = "0.100.255.155.0.0.0.0.0.0.0.0";

/** 0.0.0.0/8, 127.0.0.0/8 and 169.254.0.0/16 (RFC 6890 §2.2.2). */
function isInternal4([first, second]: ArrayLike<number> & Iterable<number>): boolean {
  return first === 0 || first === 127 || (first === 169 && second === 254);
}
