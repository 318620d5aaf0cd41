import { type Bytes, equalBytes } from "@nacre/wire";
import { type HmacSha1, hostName, type NameMatcher, parseNames } from "./known-host-names.ts";
import { wholeBlobOfLine } from "./public-key-line.ts";

/** A known_hosts file: what to call it, and what stands in it. */
export interface KnownHostsFile {
  readonly name: string;
  readonly text: string;
}

/** A line of known_hosts that says something. */
export interface KnownHostEntry {
  /** The file, as it was named to `parseKnownHosts`. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** `"revoked"`: the key must not be accepted; `"cert-authority"`: the key signs host certificates. */
  readonly marker: "revoked" | "cert-authority" | undefined;
  /** The names as they stand there: patterns, or a hash. */
  readonly names: string;
  /** `"ssh-ed25519"`. Any format, also one that cannot be used. */
  readonly format: string;
  readonly blob: Bytes;
}

/** A line of known_hosts that was skipped, as it is malformed. */
export interface KnownHostsProblem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** What is wrong: `"the key is not base64"`. */
  readonly problem: string;
}

/** What known_hosts says of a host's key, and the lines that say it. */
export interface HostKeyCheck {
  /**
   * - `"match"`: the host is known by this key;
   * - `"unknown"`: the host is not known;
   * - `"changed"`: the host is known by other keys only, of whatever format;
   * - `"revoked"`: the key is marked as revoked for the host, whatever else is said.
   */
  readonly status: "match" | "unknown" | "changed" | "revoked";
  readonly entries: readonly KnownHostEntry[];
}

/** One or more known_hosts files, read. */
export interface KnownHosts {
  readonly problems: readonly KnownHostsProblem[];
  /**
   * What is known of the key `blob` (no certificate) of the host. When nothing names the host with a port other than 22, the lines
   * for the host without a port count too, if they match: as in OpenSSH. Throws `usage` if the host or port is invalid.
   */
  check(host: string, port: number, blob: Uint8Array): HostKeyCheck;
  /** The formats of the keys that `check` would take, in the order of the lines: what to ask the host for first. Throws like `check`. */
  formats(host: string, port: number): string[];
  /** The lines that name the host and port, in any role: what `ssh-keygen -F` finds. Throws like `check`. */
  find(host: string, port: number): KnownHostEntry[];
}

interface MatchableEntry extends KnownHostEntry {
  readonly matches: NameMatcher;
}

/**
 * Reads known_hosts files (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT), the user's first. A malformed line is reported and skipped.
 * Only ASCII counts: a file of unknown encoding may be read as Latin-1. HMAC-SHA1 is the caller's.
 */
export function parseKnownHostsWith(hmacSha1: HmacSha1, ...files: readonly KnownHostsFile[]): KnownHosts {
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
  return new ParsedKnownHosts(entries, problems);
}

/** One line: what it says, what is wrong with it, or `undefined` for an empty line or a comment. */
export function parseKnownHostsLine(
  line: string,
  hmacSha1: HmacSha1,
): Omit<MatchableEntry, "file" | "line"> | string | undefined {
  const text = line.replace(/\r$/, "");
  if (/^[ \t]*(#|$)/.test(text)) return undefined;
  const [first, ...rest] = text.split(/[ \t]+/).filter((field) => field !== "");
  const marker = first === "@revoked" ? "revoked" : first === "@cert-authority" ? "cert-authority" : undefined;
  if (marker === undefined && first!.startsWith("@")) return "the marker is neither @revoked nor @cert-authority";
  const [names, format, base64] = marker === undefined ? [first, ...rest] : rest;
  if (names?.startsWith("@")) return "there is more than one marker";
  if (names === undefined || format === undefined || base64 === undefined)
    return "a line has a marker or none, names, a key's format and its base64";
  const matches = parseNames(names, hmacSha1);
  if (matches === undefined) return "the hashed name is malformed";
  const blob = wholeBlobOfLine(format, base64);
  return typeof blob === "string" ? `the key ${blob}` : { marker, names, format, blob, matches };
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

  check(host: string, port: number, blob: Uint8Array): HostKeyCheck {
    const { own, portless } = this.#lookUp(host, port);
    const isKey = (entry: KnownHostEntry): boolean => equalBytes(entry.blob, blob);
    // A key revoked for the host is revoked on each of its ports; OpenSSH is more lenient here.
    const revoked = [...own, ...portless].filter((entry) => entry.marker === "revoked" && isKey(entry));
    // rule: revoked-host-key
    if (revoked.length > 0) return { status: "revoked", entries: revoked };

    const known = own.filter(isPlain);
    const matching = known.filter(isKey);
    if (matching.length > 0) return { status: "match", entries: matching };
    if (known.length > 0) return { status: "changed", entries: known };
    const matchingPortless = portless.filter((entry) => isPlain(entry) && isKey(entry));
    if (matchingPortless.length > 0) return { status: "match", entries: matchingPortless };
    return { status: "unknown", entries: [] };
  }

  formats(host: string, port: number): string[] {
    const { own, portless } = this.#lookUp(host, port);
    const known = own.filter(isPlain);
    const revoked = [...own, ...portless].filter(({ marker }) => marker === "revoked");
    const usable = (known.length > 0 ? known : portless.filter(isPlain)).filter(
      ({ blob }) => !revoked.some((entry) => equalBytes(entry.blob, blob)),
    );
    return [...new Set(usable.map(({ format }) => format))];
  }

  /** The lines that name the host with its port, and, if that is not 22, those that name the host alone. */
  #lookUp(host: string, port: number): { own: KnownHostEntry[]; portless: KnownHostEntry[] } {
    return { own: this.find(host, port), portless: port === 22 ? [] : this.find(host, 22) };
  }
}

function isPlain({ marker }: KnownHostEntry): boolean {
  // rule: host-key-marker
  return marker === undefined;
}
