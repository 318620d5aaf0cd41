export { bcryptPbkdf } from "./bcrypt-pbkdf.ts";
export { type FormatPrivateKeyOptions, formatPrivateKey } from "./format-private-key.ts";
export type { HostKeyCheck, KnownHostEntry, KnownHosts, KnownHostsProblem } from "./known-hosts.ts";
export { parseKnownHosts } from "./known-hosts.ts";
export { type AddKnownHostOptions, addKnownHost, removeKnownHost } from "./known-hosts-edit.ts";
export type { KeyFileLimits } from "./limits.ts";
export { openPrivateKey } from "./open-private-key.ts";
export type {
  EncryptedKeyFile,
  PlainKeyFile,
  PrivateKeyFile,
  PrivateKeyFormat,
  UnlockedKey,
} from "./private-key-file.ts";
export {
  type CommentedPublicKey,
  formatPublicKeyLine,
  parsePublicKeyFile,
  parsePublicKeyLine,
} from "./public-key-line.ts";
export { randomart } from "./randomart.ts";
