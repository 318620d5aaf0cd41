import {
  type Bytes,
  base64Decode,
  equalBytes,
  Reader,
  SshError,
  utf8DecodeLossy,
  utf8Encode,
  Writer,
} from "@nacre/wire";
import { formatPem } from "../pem.ts";

/** Hash of a signed file. */
export type FileHashName = "sha256" | "sha512";

/** Signature of a file (OpenSSH PROTOCOL.sshsig). Read, but not yet verified. */
export interface FileSignature {
  /** Blob of the key that signed, or of its certificate. Anyone can put any key here: verify first, then ask who has it. */
  readonly publicKey: Uint8Array;
  /** Purpose of the signature, such as `"file"`, `"git"` or `"email"`. Not empty. */
  readonly namespace: string;
  readonly hash: FileHashName;
  /** Signature blob over the namespace, the name of the hash, and the hash of the file. */
  readonly signature: Uint8Array;
}

const MAGIC = /* @__PURE__ */ utf8Encode("SSHSIG");
const WHAT = "file signature";
const LABEL = "SSH SIGNATURE";
const BEGIN = `-----BEGIN ${LABEL}-----`;
const END = `-----END ${LABEL}-----`;
/** Maximum size of an armoured signature in bytes. The largest keys and certificates need less than a tenth of it. */
const MAX_SIZE = 1024 * 1024;

/**
 * Parses an armoured signature, such as `ssh-keygen -Y sign` and git write. The first line must be its BEGIN line; text after the END line
 * is ignored. Throws `file-malformed`, also for a version, namespace or hash that this package does not accept.
 */
export function parseFileSignature(armoured: string | Uint8Array): FileSignature {
  // rule: sshsig-size
  if (armoured.length > MAX_SIZE)
    throw new SshError("file-malformed", `${WHAT}: has ${armoured.length} bytes, but the maximum is ${MAX_SIZE}`);
  const text = typeof armoured === "string" ? armoured : utf8DecodeLossy(armoured);
  const lines = text.split("\n");
  if (lines[0]?.replace(/\r$/, "") !== BEGIN)
    throw new SshError("file-malformed", `${WHAT}: does not start with "${BEGIN}"`);
  const end = lines.findIndex((line, index) => index > 0 && line.startsWith(END));
  if (end < 0) throw new SshError("file-malformed", `${WHAT}: has no END line; the file is truncated`);
  const blob = base64Decode(
    lines
      .slice(1, end)
      .join("")
      .replaceAll(/[ \t\r]/g, ""),
  );
  if (blob === undefined) throw new SshError("file-malformed", `${WHAT}: invalid base64`);
  return readBlob(blob);
}

function readBlob(blob: Uint8Array): FileSignature {
  const reader = new Reader(blob, WHAT, { code: "file-malformed" });
  if (!equalBytes(reader.raw(MAGIC.length, "magic string"), MAGIC)) reader.fail("magic string", 'is not "SSHSIG"');
  const version = reader.uint32("version");
  // rule: sshsig-version
  if (version !== 1) reader.fail("version", `is ${version}, expected 1`);
  const publicKey = reader.string("public key").slice();
  const namespace = reader.utf8("namespace");
  // rule: sshsig-no-namespace
  if (namespace === "") reader.fail("namespace", "is empty");
  // Not signed, and reserved for later versions: the specification says to ignore it.
  reader.string("reserved");
  const hash = reader.name("hash algorithm");
  // rule: sshsig-hash
  if (!isFileHash(hash)) return reader.fail("hash algorithm", "is neither sha256 nor sha512");
  const signature = reader.string("signature").slice();
  // rule: sshsig-end
  reader.end();
  return { publicKey, namespace, hash, signature };
}

/** Returns whether a name is that of a hash which signatures of files may use. */
export function isFileHash(name: string): name is FileHashName {
  return name === "sha256" || name === "sha512";
}

/** Formats a signature as `ssh-keygen -Y sign` does: armoured, in lines of 70 characters. */
export function formatFileSignature({ publicKey, namespace, hash, signature }: FileSignature): string {
  const writer = new Writer(publicKey.length + signature.length + 128).raw(MAGIC).uint32(1);
  writer.string(publicKey).string(namespace).string("").string(hash).string(signature);
  return formatPem(LABEL, writer.finish(), 70);
}

/** Returns the bytes that a key signs for a file with this digest. */
export function signedBytes(namespace: string, hash: FileHashName, digest: Uint8Array): Bytes {
  return new Writer().raw(MAGIC).string(namespace).string("").string(hash).string(digest).finish();
}
