import { type RandomSource, SshError } from "@nacre/wire";
import { appendKnownHost } from "./append-known-host.ts";
import { hmacSha1 } from "./hashed-names.ts";
import { hashName, hostName } from "./known-host-names.ts";
import { parseKnownHostsLine } from "./known-hosts.ts";

/** What {@link addKnownHost} may do besides. */
export interface AddKnownHostOptions {
  /** Write the name as a hash, with a salt from this source (ssh_config(5), HashKnownHosts). */
  readonly hashWith?: RandomSource | undefined;
  /** One line, after the key. */
  readonly comment?: string | undefined;
}

/**
 * The text of a known_hosts file with one line more, at its end: the key `blob` of the host. What was there stays as it is, to the
 * byte; the new line ends like the last one, and starts on a line of its own although the last one may not be ended.
 * Throws `usage` if the host, port or comment is invalid, and the errors of `parsePublicKey` for the key.
 */
export function addKnownHost(
  text: string,
  host: string,
  port: number,
  blob: Uint8Array,
  options: AddKnownHostOptions = {},
): string {
  const name = hostName(host, port);
  const { hashWith, comment = "" } = options;
  if (/[\r\n\0]/.test(comment)) throw new SshError("usage", "a comment is one line");
  return appendKnownHost(text, hashWith === undefined ? name : hashName(name, hashWith, hmacSha1), blob, comment);
}

/**
 * The text without the lines that name the host and port, and the numbers of these lines, from 1: what `ssh-keygen -R` does. A line
 * goes as a whole, with all its names and patterns. Marked, malformed and other lines stay as they are, to the byte.
 * Throws `usage` if the host or port is invalid.
 */
export function removeKnownHost(
  text: string,
  host: string,
  port: number,
): { readonly text: string; readonly removed: readonly number[] } {
  const name = hostName(host, port);
  const removed: number[] = [];
  const kept = (text.match(/[^\n]*\n|[^\n]+$/g) ?? []).filter((line, index) => {
    const parsed = parseKnownHostsLine(line.replace(/\n$/, ""), hmacSha1);
    const goes = typeof parsed === "object" && parsed.marker === undefined && parsed.matches(name);
    if (goes) removed.push(index + 1);
    return !goes;
  });
  return { text: kept.join(""), removed };
}
