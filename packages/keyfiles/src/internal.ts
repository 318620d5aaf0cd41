// Parsers without cryptography of their own. The caller supplies the private key constructor, and HMAC-SHA1 for hashed known_hosts names.
export { type OriginMatcher, parseAddress, parseNetworks, parseOrigins } from "./address-match.ts";
export { addressMatcher, type NetBlockSize, networkOf, plainAddress } from "./address-network.ts";
export { type AddressScope, addressBytes, addressScope } from "./address-scope.ts";
export { appendKnownHost } from "./append-known-host.ts";
export { type AuthorizedKeyCheck, holdsKey, parseAuthorizedKeys } from "./authorized-keys.ts";
export {
  type CertificateLogin,
  type CertificateVerdict,
  findPrincipal,
  judgeCertificate,
  type KeyUse,
  type PrincipalsLine,
} from "./certificate-login.ts";
export { drawRandomart } from "./draw-randomart.ts";
export { type HostKeyChanges, hostKeyChangesWith, keepHostKeysWith } from "./host-key-changes.ts";
export type { KeyRestrictions } from "./key-options.ts";
export { hashName, hostName } from "./known-host-names.ts";
export {
  type HostKeyCheck,
  type KnownHostEntry,
  type KnownHosts,
  type KnownHostsFile,
  parseKnownHostsWith,
} from "./known-hosts.ts";
export { type KnownHostsLine, linesOf, readKnownHostsLine } from "./known-hosts-lines.ts";
export { openPlainPrivateKey, publicKeyInside } from "./plain-private-key.ts";
export type { EncryptedKeyFile, PrivateKeyFile, UnlockedKey } from "./private-key-file.ts";
export { parsePublicKeyFile } from "./public-key-line.ts";
