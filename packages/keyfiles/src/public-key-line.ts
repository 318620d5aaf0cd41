import {
  certifiedName,
  defaultKeyFormats,
  isCertified,
  type KeyBounds,
  type KeyFormat,
  type PublicKey,
  parsePublicKey,
} from "@nacre/keys/internal";
import { type Bytes, base64Decode, base64Encode, escapeText, Reader, SshError, utf8Decode } from "@nacre/wire";

/** Public key with its comment. */
export interface CommentedPublicKey {
  readonly publicKey: PublicKey;
  /** Untrusted text; escape it before showing it. */
  readonly comment: string;
}

/**
 * Parses a public key line, such as in `id_ed25519.pub`: format, base64 and an optional comment (sshd(8), AUTHORIZED_KEYS FILE FORMAT,
 * without options). Throws `file-malformed`, and `key-unsupported`, `key-malformed` or `key-weak` for the key itself.
 * `bounds` may change the least size of an RSA key.
 */
export function parsePublicKeyLine(line: string, bounds?: KeyBounds): CommentedPublicKey {
  const [, text = ""] = /^([^\r\n]*)\r?\n?$/.exec(line) ?? [];
  const [, format, base64, comment = ""] = /^[ \t]*([^ \t]+)[ \t]+([^ \t]+)(?:[ \t]+(.*))?$/s.exec(text) ?? [];
  if (format === undefined || base64 === undefined)
    throw new SshError("file-malformed", "expected one line with a key format, base64 and an optional comment");
  return { publicKey: keyOfLine(format, base64, bounds), comment: comment.trimEnd() };
}

function keyOfLine(format: string, base64: string, bounds: KeyBounds | undefined): PublicKey {
  const blob = blobOfLine(format, base64);
  if (typeof blob === "string") throw new SshError("file-malformed", `the public key ${blob}`);
  return parsePublicKey(blob, bounds);
}

/** Decodes the format and base64 of a line to a blob. Returns a description of the problem if they are invalid. */
export function blobOfLine(format: string, base64: string): Bytes | string {
  const blob = base64Decode(base64);
  if (blob === undefined || blob.length < 4) return "is not valid base64";
  const length = new Reader(blob, "public key").uint32("format");
  // rule: key-format-inside
  if (length !== format.length || utf8Decode(blob.subarray(4, 4 + length)) !== format)
    return `has another format than the line names, ${escapeText(format.slice(0, 64))}`;
  return blob;
}

/** The fields of each format (`KeyFormat.publicFields`), those of obsolete ones included (RFC 4253 §6.6). */
const FIELDS: ReadonlyMap<string, KeyFormat["publicFields"]> = /* @__PURE__ */ new Map(
  /* @__PURE__ */ defaultKeyFormats
    .flatMap(({ name, publicFields }): [string, KeyFormat["publicFields"]][] => [
      [name, publicFields],
      // A certificate has a nonce before the fields of its key.
      [certifiedName(name), [undefined, ...publicFields]],
    ])
    .concat([["ssh-dss", [undefined, undefined, undefined, undefined]]]),
);

/**
 * Decodes like {@link blobOfLine}, and also rejects a truncated blob and one without the fields of its format. For known_hosts, where
 * lookups only compare blobs. Does not validate the key, because that would take seconds for thousands of lines.
 */
export function wholeBlobOfLine(format: string, base64: string): Bytes | string {
  const blob = blobOfLine(format, base64);
  if (typeof blob === "string") return blob;
  const reader = new Reader(blob, format);
  try {
    reader.string("format");
    for (const length of FIELDS.get(format) ?? []) {
      const field = reader.string("field");
      if (length !== undefined && field.length !== length) return "is malformed";
    }
    // A certificate has more fields.
    if (FIELDS.has(format) && !isCertified(format)) reader.end();
  } catch (error) {
    // rule: malformed-key
    if (error instanceof SshError) return "is malformed";
    throw error;
  }
  return blob;
}

/** Formats a line for {@link parsePublicKeyLine}, without a newline. Throws `usage` for a comment of more than one line. */
export function formatPublicKeyLine(publicKey: PublicKey, comment = ""): string {
  if (/[\r\n\0]/.test(comment)) throw new SshError("usage", "`comment` must be a single line");
  const line = `${publicKey.format} ${base64Encode(publicKey.blob)}`;
  return comment === "" ? line : `${line} ${comment}`;
}

/**
 * Parses a public key file: one public key line among empty lines and `#` comments, or a block of RFC 4716
 * ("---- BEGIN SSH2 PUBLIC KEY ----"). `bounds` and errors are those of {@link parsePublicKeyLine}.
 */
export function parsePublicKeyFile(text: string, bounds?: KeyBounds): CommentedPublicKey {
  const lines = text.split("\n").map((line) => line.trimEnd());
  const begin = lines.indexOf("---- BEGIN SSH2 PUBLIC KEY ----");
  if (begin >= 0) return parseRfc4716(lines, begin + 1, bounds);
  const held = lines.filter((line) => line.trim() !== "" && !line.trimStart().startsWith("#"));
  if (held.length !== 1)
    throw new SshError("file-malformed", `expected one key line in a public key file, got ${held.length}`);
  return parsePublicKeyLine(held[0]!, bounds);
}

/** Parses headers and base64 (RFC 4716 §3). A backslash at the end of a line continues a header. */
function parseRfc4716(lines: readonly string[], start: number, bounds: KeyBounds | undefined): CommentedPublicKey {
  let comment = "";
  let at = start;
  while (lines[at]?.includes(":")) {
    let header = lines[at++]!;
    while (header.endsWith("\\") && at < lines.length) header = header.slice(0, -1) + lines[at++]!;
    const [, tag, value] = /^([^:]{1,64}): ?(.*)$/.exec(header) ?? [];
    if (tag?.toLowerCase() === "comment") comment = value!.replace(/^"(.*)"$/, "$1");
  }
  const end = lines.indexOf("---- END SSH2 PUBLIC KEY ----", at);
  if (end < 0)
    throw new SshError("file-malformed", `line ${start}: the public key has no END line; the file is truncated`);
  const blob = base64Decode(lines.slice(at, end).join(""));
  if (blob === undefined) throw new SshError("file-malformed", `line ${at + 1}: invalid base64`);
  return { publicKey: parsePublicKey(blob, bounds), comment };
}
