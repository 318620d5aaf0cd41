export type { ClientOrigin } from "./address-match.ts";
export type {
  AuthorizedKey,
  AuthorizedKeyCheck,
  AuthorizedKeys,
  AuthorizedKeysProblem,
  AuthorizedKeyUse,
} from "./authorized-keys.ts";
export { parseAuthorizedKeys } from "./authorized-keys.ts";
export { bcryptPbkdf } from "./bcrypt-pbkdf.ts";
export type { KeyUse } from "./certificate-login.ts";
export { type CivilTime, type ExpiryTime, parseExpiryTime, utcTime } from "./expiry-time.ts";
export { type FormatPrivateKeyOptions, formatPrivateKey } from "./format-private-key.ts";
export { parseKnownHosts } from "./hashed-names.ts";
export type { KeyAuthority, KeyRestrictions } from "./key-options.ts";
export type { HostKeyCheck, KnownHostEntry, KnownHosts, KnownHostsFile, KnownHostsProblem } from "./known-hosts.ts";
export { type AddKnownHostOptions, addKnownHost, removeKnownHost } from "./known-hosts-edit.ts";
export { type Krl, parseKrl, type RevokedCertificates } from "./krl/read-krl.ts";
export type { RecordSet } from "./krl/records.ts";
export {
  type CertificateToCheck,
  type KeyToCheck,
  krlRevokes,
  parseRevokedKeys,
  type RevokedKeys,
} from "./krl/revoked-keys.ts";
export type { SerialRange, SerialSet } from "./krl/serials.ts";
export { type CertificatesToRevoke, formatKrl, type KrlContent, mergeRanges } from "./krl/write-krl.ts";
export type { KeyFileLimits } from "./limits.ts";
export { openPrivateKey, openPrivateKeyWith } from "./open-private-key.ts";
export { publicKeyInside } from "./plain-private-key.ts";
export { type FormatPpkOptions, formatPpk, ppkFiles } from "./ppk.ts";
export type {
  EncryptedKeyFile,
  KeyFileForm,
  MakeKey,
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
export {
  type AllowedSigners,
  parseAllowedSigners,
  type SignatureUse,
  type Signer,
  type SignerCertificate,
  type SignerCheck,
  type SignerRefusal,
} from "./sshsig/allowed-signers.ts";
export { type FileHashName, type FileSignature, isFileHash, parseFileSignature } from "./sshsig/file-signature.ts";
export {
  type CreateFileHash,
  type FileHash,
  FileSigner,
  type FileSignerOptions,
  type FileToSign,
  FileVerifier,
  type FileVerifierOptions,
} from "./sshsig/file-signer.ts";
export { type SignFileOptions, signFile, type VerifyFileOptions, verifyFile } from "./sshsig/sign-file.ts";
