export type { ClientOrigin } from "./address-match.ts";
export type {
  AuthorizedKey,
  AuthorizedKeyCheck,
  AuthorizedKeys,
  AuthorizedKeysProblem,
  KeyUse,
} from "./authorized-keys.ts";
export { parseAuthorizedKeys } from "./authorized-keys.ts";
export { bcryptPbkdf } from "./bcrypt-pbkdf.ts";
export type { CivilTime } from "./expiry-time.ts";
export { type FormatPrivateKeyOptions, formatPrivateKey } from "./format-private-key.ts";
export { parseKnownHosts } from "./hashed-names.ts";
export type { KeyRestrictions } from "./key-options.ts";
export type { HostKeyCheck, KnownHostEntry, KnownHosts, KnownHostsFile, KnownHostsProblem } from "./known-hosts.ts";
export { type AddKnownHostOptions, addKnownHost, removeKnownHost } from "./known-hosts-edit.ts";
export type { KeyFileLimits } from "./limits.ts";
export { openPrivateKey } from "./open-private-key.ts";
export { type FormatPpkOptions, formatPpk } from "./ppk.ts";
export type {
  EncryptedKeyFile,
  PlainKeyFile,
  PrivateKeyFile,
  PrivateKeyFormat,
  UnlockedKey,
} from "./private-key-file.ts";
export { type FormatPublicKeyOptions, formatPublicKey, parsePublicKeyPem } from "./public-key-formats.ts";
export {
  type CommentedPublicKey,
  formatPublicKeyLine,
  parsePublicKeyFile,
  parsePublicKeyLine,
} from "./public-key-line.ts";
export { randomart } from "./randomart.ts";
export { formatSshfp, matchesSshfp, parseSshfp, type SshfpHash, type SshfpRecord } from "./sshfp.ts";
