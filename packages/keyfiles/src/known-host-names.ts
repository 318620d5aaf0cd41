import { base64Decode, base64Encode, equalBytes, type RandomSource, SshError, utf8Encode } from "@nacre/wire";

/** Whether the names of a known_hosts line take in a host, given as {@link hostName} writes it. */
export type NameMatcher = (name: string) => boolean;

/** HMAC-SHA1, which hashed names are made with: 20 bytes. */
export type HmacSha1 = (key: Uint8Array, message: Uint8Array) => Uint8Array;

const HASH_LENGTH = 20;

/**
 * A host as known_hosts names it (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): lower case, and `[host]:port` when the port is not 22.
 * Throws `usage` for a host that is no name or address: it could be taken for a pattern, a marker or a second name.
 */
export function hostName(host: string, port: number): string {
  if (!/^[A-Za-z0-9_:.%-]{1,1024}$/.test(host))
    throw new SshError("usage", "a host is a name or an address: letters, digits, . : - _ %");
  if (!(Number.isInteger(port) && port >= 1 && port <= 65535)) throw new SshError("usage", `${port} is no TCP port`);
  const lower = host.toLowerCase();
  return port === 22 ? lower : `[${lower}]:${port}`;
}

/** The matcher of a line's first field: a hash, or names and patterns parted by commas. `undefined` when it is malformed. */
export function parseNames(names: string, hmacSha1: HmacSha1): NameMatcher | undefined {
  return names.startsWith("|") ? parseHash(names, hmacSha1) : parsePatterns(names);
}

/** `|1|salt|hash`: the HMAC-SHA1 of the name under the salt, both 20 bytes in base64. */
function parseHash(names: string, hmacSha1: HmacSha1): NameMatcher | undefined {
  const [empty, version, saltText, hashText, ...more] = names.split("|");
  if (empty !== "" || version !== "1" || more.length > 0) return undefined;
  const salt = base64Decode(saltText ?? "");
  const hash = base64Decode(hashText ?? "");
  if (salt?.length !== HASH_LENGTH || hash?.length !== HASH_LENGTH) return undefined;
  return (name) => equalBytes(hmacSha1(salt, utf8Encode(name)), hash);
}

/** Matches when one pattern does and none of the negated ones. */
function parsePatterns(names: string): NameMatcher {
  const patterns = names.toLowerCase().split(",");
  const negated = patterns.filter((pattern) => pattern.startsWith("!")).map((pattern) => pattern.slice(1));
  const positive = patterns.filter((pattern) => !pattern.startsWith("!"));
  return (name) =>
    positive.some((pattern) => matchPattern(name, pattern)) &&
    /* rule: negated-host */ !negated.some((pattern) => matchPattern(name, pattern));
}

/** Whether `*` (anything) and `?` (one character) make the pattern the name. In time of the product of their lengths. */
export function matchPattern(name: string, pattern: string): boolean {
  let at = 0;
  let from = 0;
  let star = -1;
  let starAt = 0;
  while (at < name.length) {
    if (pattern[from] === "*") {
      star = from++;
      starAt = at;
    } else if (from < pattern.length && (pattern[from] === "?" || pattern[from] === name[at])) {
      from++;
      at++;
    } else if (star >= 0) {
      // The last star takes one character more; earlier ones need not be tried again.
      from = star + 1;
      at = ++starAt;
    } else {
      return false;
    }
  }
  while (pattern[from] === "*") from++;
  return from === pattern.length;
}

/** The `|1|salt|hash` form of a name, so that a reader of the file does not learn the user's hosts. */
export function hashName(name: string, random: RandomSource, hmacSha1: HmacSha1): string {
  const salt = random(HASH_LENGTH);
  return `|1|${base64Encode(salt)}|${base64Encode(hmacSha1(salt, utf8Encode(name)))}`;
}
