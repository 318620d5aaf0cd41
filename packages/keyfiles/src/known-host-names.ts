import {
  base64Decode,
  base64Encode,
  equalBytes,
  matchPattern,
  type RandomSource,
  SshError,
  utf8Encode,
} from "@nacre/wire";

/** Returns whether the names of a known_hosts line match a host in the form that {@link hostName} returns. */
export type NameMatcher = (name: string) => boolean;

/** HMAC-SHA1, used for hashed names. Returns 20 bytes. */
export type HmacSha1 = (key: Uint8Array, message: Uint8Array) => Uint8Array;

const HASH_LENGTH = 20;
/** Length of a pattern at which OpenSSH ignores the whole line. A leading "!" does not count. */
const TOO_LONG = 1023;

/**
 * Returns the name of a host in known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): lower case, and `[host]:port` if the port is not 22.
 * Throws `usage` if `host` is not a name or address, since known_hosts could read it as a pattern, a marker or a second name.
 */
export function hostName(host: string, port: number): string {
  if (!/^[A-Za-z0-9_:.%-]{1,1024}$/.test(host))
    throw new SshError("usage", "`host` must be a name or address with only letters, digits and . : - _ %");
  if (!(Number.isInteger(port) && port >= 1 && port <= 65535))
    throw new SshError("usage", `invalid port ${port}; expected an integer from 1 to 65535`);
  const lower = host.toLowerCase();
  return port === 22 ? lower : `[${lower}]:${port}`;
}

/** Parses the names of a line: a hash, or names and patterns separated by commas. Returns `undefined` if malformed. */
export function parseNames(names: string, hmacSha1: HmacSha1): NameMatcher | undefined {
  return names.startsWith("|") ? parseHash(names, hmacSha1) : parsePatterns(names);
}

/** Parses `|1|salt|hash`. The hash is the HMAC-SHA1 of the name with the salt as key; both are 20 bytes in base64. */
function parseHash(names: string, hmacSha1: HmacSha1): NameMatcher | undefined {
  const [empty, version, saltText, hashText, ...more] = names.split("|");
  if (empty !== "" || version !== "1" || more.length > 0) return undefined;
  const salt = base64Decode(saltText ?? "");
  const hash = base64Decode(hashText ?? "");
  if (salt?.length !== HASH_LENGTH || hash?.length !== HASH_LENGTH) return undefined;
  return (name) => equalBytes(hmacSha1(salt, utf8Encode(name)), hash);
}

/** Parses a list that matches if a pattern matches and no negated pattern does. */
function parsePatterns(names: string): NameMatcher {
  const patterns = names.toLowerCase().split(",");
  const negated = patterns.filter((pattern) => pattern.startsWith("!")).map((pattern) => pattern.slice(1));
  const positive = patterns.filter((pattern) => !pattern.startsWith("!"));
  if ([...positive, ...negated].some(({ length }) => length >= TOO_LONG)) return () => false;
  return (name) =>
    positive.some((pattern) => matchPattern(name, pattern)) &&
    /* rule: negated-host */ !negated.some((pattern) => matchPattern(name, pattern));
}

/** Returns the `|1|salt|hash` form of a name, which hides the user's hosts from readers of the file. */
export function hashName(name: string, random: RandomSource, hmacSha1: HmacSha1): string {
  const salt = random(HASH_LENGTH);
  return `|1|${base64Encode(salt)}|${base64Encode(hmacSha1(salt, utf8Encode(name)))}`;
}
