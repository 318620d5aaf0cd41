import { equalBytes } from "@nacre/wire";
import { type HmacSha1, hostName } from "./known-host-names.ts";
import { type KnownHostEntry, type KnownHostsFile, parseKnownHostsLine, readKnownHosts } from "./known-hosts.ts";

/** Where known_hosts differs from the keys that a server has. */
export interface HostKeyChanges {
  /** Keys of the server that no line of the host has. */
  readonly added: readonly Uint8Array[];
  /** Lines of the host whose key the server no longer has. */
  readonly removed: readonly KnownHostEntry[];
}

/**
 * Compares all host keys of a server with the user's known_hosts files (ssh_config(5), UpdateHostKeys). Returns a text instead if the files
 * must stay as they are: OpenSSH changes no line that a person wrote, with a marker, a pattern or more than two names, and no key that is
 * also known under another name. Throws `usage` if the host or port is invalid.
 */
export function hostKeyChangesWith(
  hmacSha1: HmacSha1,
  host: string,
  port: number,
  keys: readonly Uint8Array[],
  ...files: readonly KnownHostsFile[]
): HostKeyChanges | string {
  const name = hostName(host, port);
  const { entries } = readKnownHosts(hmacSha1, files);
  const own = entries.filter((entry) => entry.matches(name));
  const others = entries.filter((entry) => !own.includes(entry));

  const written = own.find(({ marker, names }) => marker !== undefined || isWrittenByHand(names));
  // rule: host-keys-by-hand
  if (written !== undefined) return `${lineOf(written)} has a marker, a pattern or several names`;
  const elsewhere = others.find(isAmong(keys));
  // rule: host-keys-elsewhere
  if (elsewhere !== undefined) return `${lineOf(elsewhere)} has one of the keys under another name`;
  const removed = own.filter((entry) => !isAmong(keys)(entry));
  const shared = others.find(isAmong(removed.map(({ blob }) => blob)));
  if (shared !== undefined) return `${lineOf(shared)} has an old key under another name`;
  return { added: keys.filter((blob) => !own.some(isAmong([blob]))), removed };
}

function isAmong(blobs: readonly Uint8Array[]): (entry: KnownHostEntry) => boolean {
  return ({ blob }) => blobs.some((one) => equalBytes(one, blob));
}

function lineOf({ file, line }: KnownHostEntry): string {
  return `${file}:${line}`;
}

/** Returns whether a person wrote these names: programs write a name, a name and an address, or a hash. */
function isWrittenByHand(names: string): boolean {
  return /[*?!]/.test(names) || names.split(",").length > 2;
}

/** Returns the text of a known_hosts file without the lines of a host whose key is not among `keys`. Keeps other lines byte for byte. */
export function keepHostKeysWith(
  hmacSha1: HmacSha1,
  text: string,
  host: string,
  port: number,
  keys: readonly Uint8Array[],
): string {
  const name = hostName(host, port);
  const kept = (text.match(/[^\n]*\n|[^\n]+$/g) ?? []).filter((line) => {
    const parsed = parseKnownHostsLine(line.replace(/\n$/, ""), hmacSha1);
    if (typeof parsed !== "object" || parsed.marker !== undefined || !parsed.matches(name)) return true;
    return keys.some((blob) => equalBytes(blob, parsed.blob));
  });
  return kept.join("");
}
