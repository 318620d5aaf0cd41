import { hmac } from "@noble/hashes/hmac.js";
import { sha1 } from "@noble/hashes/legacy.js";
import { type KnownHosts, type KnownHostsFile, parseKnownHostsWith } from "./known-hosts.ts";

/** HMAC-SHA1 from noble. */
export function hmacSha1(key: Uint8Array, message: Uint8Array): Uint8Array {
  return hmac(sha1, key, message);
}

/**
 * Parses known_hosts files (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). Pass the user's file first. Malformed lines are reported and skipped.
 * Only ASCII text matters, so a file in an unknown encoding may be read as Latin-1.
 */
export function parseKnownHosts(...files: readonly KnownHostsFile[]): KnownHosts {
  return parseKnownHostsWith(hmacSha1, ...files);
}
