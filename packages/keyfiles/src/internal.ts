// What can be read without any cryptography, given a way to make a private key, and HMAC-SHA1 for the hashed names of known_hosts.
export { type OriginMatcher, parseAddress, parseOrigins } from "./address-match.ts";
export { appendKnownHost } from "./append-known-host.ts";
export { type AuthorizedKeyCheck, parseAuthorizedKeys } from "./authorized-keys.ts";
export { drawRandomart } from "./draw-randomart.ts";
export { hostName } from "./known-host-names.ts";
export { type HostKeyCheck, type KnownHostEntry, type KnownHosts, parseKnownHostsWith } from "./known-hosts.ts";
export { openPlainPrivateKey } from "./plain-private-key.ts";
export type { EncryptedKeyFile, PrivateKeyFile } from "./private-key-file.ts";
export { parsePublicKeyFile } from "./public-key-line.ts";
