import { certifiedKeyBlob, defaultKeyFormats } from "@nacre/keys/internal";
import { type Bytes, equalBytes } from "@nacre/wire";
import { type HmacSha1, hostName, type NameMatcher, parseNames } from "./known-host-names.ts";
import { wholeBlobOfLine } from "./public-key-line.ts";

/** Name and content of a known_hosts file. */
export interface KnownHostsFile {
  readonly name: string;
  readonly text: string;
}

/** Valid line of known_hosts. */
export interface KnownHostEntry {
  /** Name of the file, as passed to `parseKnownHosts`. */
  readonly file: string;
  /** Line number, from 1. */
  readonly line: number;
  /**
   * `"revoked"`: the key must not be accepted, neither as a host's nor as an authority's; `"cert-authority"`: the key signs host
   * certificates.
   */
  readonly marker: "revoked" | "cert-authority" | undefined;
  /** Names as written in the file: patterns, or a hash. */
  readonly names: string;
  /** Key format, such as `"ssh-ed25519"`. May be a format that this package does not support. */
  readonly format: string;
  readonly blob: Bytes;
}

/** Malformed line of known_hosts, which is skipped. */
export interface KnownHostsProblem {
  readonly file: string;
  /** Line number, from 1. */
  readonly line: number;
  /** Description of the problem: `"the key is not base64"`. */
  readonly problem: string;
}

/** Result of looking up a host's key in known_hosts, with the lines it is based on. */
export interface HostKeyCheck {
  /**
   * - `"match"`: a line has this key for the host;
   * - `"unknown"`: no line has a key for the host;
   * - `"changed"`: only other keys, of any format, are listed for the host;
   * - `"revoked"`: the key or its authority is marked as revoked for the host, even if another line matches.
   */
  readonly status: "match" | "unknown" | "changed" | "revoked";
  readonly entries: readonly KnownHostEntry[];
  /** Lines that trust the authority for the host. The caller still has to check the certificate. */
  readonly authorities: readonly KnownHostEntry[];
}

/** One or more parsed known_hosts files. */
export interface KnownHosts {
  readonly problems: readonly KnownHostsProblem[];
  /**
   * Checks the plain key `blob` of a host. If it is the key in a certificate, `authority` is the key of the certificate's authority. If
   * the port is not 22 and no line names it, a matching line for the host without a port counts too, as in OpenSSH. Throws `usage` if the
   * host or port is invalid.
   */
  check(host: string, port: number, blob: Uint8Array, authority?: Uint8Array): HostKeyCheck;
  /** Returns the formats of the keys that `check` accepts, in the order of the lines. Prefer them in negotiation. Throws like `check`. */
  formats(host: string, port: number): string[];
  /** Returns whether a line has an authority for the host. Then prefer certificates. Throws like `check`. */
  hasAuthority(host: string, port: number): boolean;
  /** Returns the lines that name the host and port, with any marker, like `ssh-keygen -F`. Throws like `check`. */
  find(host: string, port: number): KnownHostEntry[];
}

/** Line that can tell whether it is about a host. */
export interface MatchableEntry extends KnownHostEntry {
  readonly matches: NameMatcher;
}

/**
 * Parses known_hosts files (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). Pass the user's file first. Malformed lines are reported and skipped.
 * Only ASCII text matters, so a file in an unknown encoding may be read as Latin-1. The caller supplies HMAC-SHA1.
 */
export function parseKnownHostsWith(hmacSha1: HmacSha1, ...files: readonly KnownHostsFile[]): KnownHosts {
  const { entries, problems } = readKnownHosts(hmacSha1, files);
  return new ParsedKnownHosts(entries, problems);
}

/** Returns the entries of files, and the problems of their malformed lines. */
export function readKnownHosts(
  hmacSha1: HmacSha1,
  files: readonly KnownHostsFile[],
): { readonly entries: readonly MatchableEntry[]; readonly problems: readonly KnownHostsProblem[] } {
  const entries: MatchableEntry[] = [];
  const problems: KnownHostsProblem[] = [];
  for (const { name, text } of files) {
    for (const [index, line] of text.split("\n").entries()) {
      const parsed = parseKnownHostsLine(line, hmacSha1);
      if (parsed === undefined) continue;
      const at = { file: name, line: index + 1 };
      if (typeof parsed === "string")
        // rule: known-hosts-problem
        problems.push({ ...at, problem: parsed });
      else entries.push({ ...at, ...parsed });
    }
  }
  return { entries, problems };
}

/** Parses one line. Returns its entry, a description of the problem, or `undefined` for an empty line or a comment. */
export function parseKnownHostsLine(
  line: string,
  hmacSha1: HmacSha1,
): Omit<MatchableEntry, "file" | "line"> | string | undefined {
  const text = endedByNul(line).replace(/\r$/, "");
  if (/^[ \t]*(#|$)/.test(text)) return undefined;
  const [first, ...rest] = text.split(/[ \t]+/).filter((field) => field !== "");
  const marker = first === "@revoked" ? "revoked" : first === "@cert-authority" ? "cert-authority" : undefined;
  if (marker === undefined && first!.startsWith("@")) return "marker must be @revoked or @cert-authority";
  const [names, format, base64] = marker === undefined ? [first, ...rest] : rest;
  if (names?.startsWith("@")) return "line has more than one marker";
  if (names === undefined || format === undefined || base64 === undefined)
    return "expected host names, a key format and base64, optionally preceded by a marker";
  const matches = parseNames(names, hmacSha1);
  if (matches === undefined) return "the hashed name is malformed";
  // OpenSSH skips white space within base64: another line ending must not hide a revoked key or the known key of a host.
  const blob = wholeBlobOfLine(format, base64.replace(/[\r\v\f]/g, ""));
  return typeof blob === "string" ? `the key ${blob}` : { marker, names, format, blob, matches };
}

/** Returns what OpenSSH reads of a line: its text to the first NUL. A NUL right after the names ends only them. */
function endedByNul(line: string): string {
  if (!line.includes("\0")) return line;
  return line.replace(/^([ \t]*(?:@[^ \t\0]*[ \t]+)?(?!@)[^ \t\0]+)\0/, "$1 ").replace(/\0.*$/s, "");
}

class ParsedKnownHosts implements KnownHosts {
  readonly problems: readonly KnownHostsProblem[];
  readonly #entries: readonly MatchableEntry[];

  constructor(entries: readonly MatchableEntry[], problems: readonly KnownHostsProblem[]) {
    this.#entries = entries;
    this.problems = problems;
  }

  find(host: string, port: number): KnownHostEntry[] {
    const name = hostName(host, port);
    return this.#entries.filter((entry) => entry.matches(name));
  }

  check(host: string, port: number, blob: Uint8Array, authority?: Uint8Array): HostKeyCheck {
    const { own, portless } = this.#lookUp(host, port);
    // A key revoked for the host is revoked on all ports. OpenSSH is more lenient.
    const revoked = [...own, ...portless].filter(
      (entry) =>
        revokes(entry, blob) ||
        /* rule: revoked-host-authority */ (authority !== undefined && revokes(entry, authority)),
    );
    // rule: revoked-host-key
    if (revoked.length > 0) return { status: "revoked", entries: revoked, authorities: [] };

    const isKey = (entry: KnownHostEntry): boolean => equalBytes(entry.blob, blob);
    const authorities = [...own, ...portless].filter(
      (entry) =>
        authority !== undefined && isAuthority(entry) && /* rule: host-authority */ equalBytes(entry.blob, authority),
    );
    const known = own.filter(isPlain);
    const matching = known.filter(isKey);
    if (matching.length > 0) return { status: "match", entries: matching, authorities };
    if (known.length > 0) return { status: "changed", entries: known, authorities };
    const matchingPortless = portless.filter((entry) => isPlain(entry) && isKey(entry));
    if (matchingPortless.length > 0) return { status: "match", entries: matchingPortless, authorities };
    return { status: "unknown", entries: [], authorities };
  }

  formats(host: string, port: number): string[] {
    const { own, portless } = this.#lookUp(host, port);
    const known = own.filter(isPlain);
    const usable = (known.length > 0 ? known : portless.filter(isPlain)).filter(
      ({ blob }) => ![...own, ...portless].some((entry) => revokes(entry, blob)),
    );
    return [...new Set(usable.map(({ format }) => format))];
  }

  hasAuthority(host: string, port: number): boolean {
    const { own, portless } = this.#lookUp(host, port);
    return [...own, ...portless].some(isAuthority);
  }

  /** Returns the lines that name the host with its port and, if the port is not 22, the lines that name the host alone. */
  #lookUp(host: string, port: number): { own: KnownHostEntry[]; portless: KnownHostEntry[] } {
    return { own: this.find(host, port), portless: port === 22 ? [] : this.find(host, 22) };
  }
}

function isPlain({ marker }: KnownHostEntry): boolean {
  // rule: host-key-marker
  return marker === undefined;
}

function isAuthority({ marker }: KnownHostEntry): boolean {
  // rule: host-authority-marker
  return marker === "cert-authority";
}

/** Returns whether a line revokes a key. A line with a certificate revokes the key in it. */
function revokes({ marker, format, blob }: KnownHostEntry, key: Uint8Array): boolean {
  return (
    marker === "revoked" &&
    equalBytes(/* rule: revoked-certificate-line */ certifiedKeyBlob(blob, defaultKeyFormats, format), key)
  );
}
