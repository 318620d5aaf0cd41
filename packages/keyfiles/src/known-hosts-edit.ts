import { type RandomSource, SshError } from "@nacre/wire";
import { appendKnownHost } from "./append-known-host.ts";
import { hmacSha1 } from "./hashed-names.ts";
import { hashName, hostName } from "./known-host-names.ts";
import { parseKnownHostsLine } from "./known-hosts.ts";

/** Options of {@link addKnownHost}. */
export interface AddKnownHostOptions {
  /** Random source for a salt. If given, the name is written as a hash (ssh_config(5), HashKnownHosts). */
  readonly hashWith?: RandomSource | undefined;
  /** Comment after the key, a single line. */
  readonly comment?: string | undefined;
}

/**
 * Returns the text of a known_hosts file with an appended line for the host's key `blob`. Keeps the existing text byte for byte. Ends an
 * incomplete last line, and uses the line ending of the last line. Throws `usage` if the host, port or comment is invalid, and the errors
 * of `parsePublicKey` for the key.
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
  if (/[\r\n\0]/.test(comment)) throw new SshError("usage", "`comment` must be a single line");
  return appendKnownHost(text, hashWith === undefined ? name : hashName(name, hashWith, hmacSha1), blob, comment);
}

/**
 * Removes the lines that name the host and port, like `ssh-keygen -R`. Returns the new text and the numbers of the removed lines, from 1.
 * Removes whole lines, with all their names and patterns. Keeps marked, malformed and other lines byte for byte. Throws `usage` if the
 * host or port is invalid.
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
