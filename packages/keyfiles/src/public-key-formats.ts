import { type EcdsaCurve, type PublicKey, parsePublicKey, uncompressedPoint } from "@nacre/keys/internal";
import { base64Encode, Reader, SshError, utf8Encode, Writer } from "@nacre/wire";
import { DerReader, der } from "./der.ts";
import { formatPem, parsePem } from "./pem.ts";
import { unsupportedKey } from "./unsupported.ts";

/** Public key file of other programs. */
export interface FormatPublicKeyOptions {
  /**
   * - `"rfc4716"`: of other SSH implementations, with a comment;
   * - `"pkcs8"`: SubjectPublicKeyInfo (RFC 5280 §4.1), of OpenSSL;
   * - `"pem"`: PKCS#1 for RSA (RFC 8017 §A.1.1), for other keys the same as `"pkcs8"`, as ssh-keygen writes it.
   */
  readonly format: "rfc4716" | "pkcs8" | "pem";
  /** Comment in one line, at most 1,022 bytes. For `"rfc4716"` only. */
  readonly comment?: string | undefined;
}

/** How a SubjectPublicKeyInfo stores a key format. */
interface SpkiForm {
  readonly format: string;
  /** Algorithm, and its parameters; `null` means NULL. */
  readonly algorithm: string;
  readonly parameters?: string | null;
  /** Returns the bits of the key. `blob` is the public key blob after its format. */
  write(blob: Reader): Uint8Array;
  /** Adds the fields of the blob that follow its format. */
  read(bits: Uint8Array, blob: Writer): void;
}

const ed25519: SpkiForm = {
  format: "ssh-ed25519",
  algorithm: "1.3.101.112",
  write: (blob) => blob.string("public key"),
  read: (bits, blob) => void blob.string(bits),
};

// @__NO_SIDE_EFFECTS__
function ecdsa(curve: EcdsaCurve, oid: string): SpkiForm {
  return {
    format: `ecdsa-sha2-${curve}`,
    algorithm: "1.2.840.10045.2.1",
    parameters: oid,
    write(blob) {
      blob.name("curve");
      return blob.string("public point");
    },
    // OpenSSL writes compressed points with `-conv_form compressed`.
    read: (bits, blob) => void blob.string(curve).string(uncompressedPoint(curve, bits)),
  };
}

const rsa: SpkiForm = {
  format: "ssh-rsa",
  algorithm: "1.2.840.113549.1.1.1",
  parameters: null,
  write(blob) {
    const e = blob.mpint("e");
    return der.sequence(der.integer(blob.mpint("n")), der.integer(e));
  },
  read(bits, blob) {
    const outer = new DerReader(bits, "PKCS#1");
    const reader = outer.sequence("RSAPublicKey");
    outer.end();
    const n = reader.integer("modulus");
    blob.mpint(reader.integer("publicExponent")).mpint(n);
    reader.end();
  },
};

const forms: readonly SpkiForm[] = [
  ed25519,
  ecdsa("nistp256", "1.2.840.10045.3.1.7"),
  ecdsa("nistp384", "1.3.132.0.34"),
  ecdsa("nistp521", "1.3.132.0.35"),
  rsa,
];

/**
 * Returns the text of a public key file for other programs, with a final newline. `formatPublicKeyLine` writes OpenSSH's. Throws `usage`
 * for a comment of more than one line or 1,022 bytes, or of another format than RFC 4716's.
 */
export function formatPublicKey(
  { format, blob }: PublicKey,
  { format: into, comment = "" }: FormatPublicKeyOptions,
): string {
  if (into === "rfc4716") return formatRfc4716(blob, comment);
  if (comment !== "")
    throw new SshError("usage", `format ${into} does not support a comment; use format rfc4716 or omit \`comment\``);
  const form = forms.find((one) => one.format === format);
  if (form === undefined) throw unsupportedKey(format);
  const reader = new Reader(blob, "public key");
  reader.string("format");
  const bits = form.write(reader);
  if (into === "pem" && form === rsa) return formatPem("RSA PUBLIC KEY", bits, 64);
  const parameters =
    form.parameters === undefined ? [] : [form.parameters === null ? der.null() : der.oid(form.parameters)];
  return formatPem(
    "PUBLIC KEY",
    der.sequence(der.sequence(der.oid(form.algorithm), ...parameters), der.bits(bits)),
    64,
  );
}

/** Formats a block of RFC 4716 with lines of 70 characters, as ssh-keygen. */
function formatRfc4716(blob: Uint8Array, comment: string): string {
  if (/[\r\n\0]/.test(comment) || utf8Encode(comment).length > 1022)
    throw new SshError("usage", "`comment` must be a single line of at most 1022 bytes");
  const headers: string[] = [];
  if (comment !== "") {
    // A line has at most 72 bytes. A backslash at its end continues it (RFC 4716 §3.3).
    let line = "";
    for (const character of `Comment: "${comment}"`) {
      if (utf8Encode(line + character).length > 71) {
        headers.push(`${line}\\`);
        line = "";
      }
      line += character;
    }
    headers.push(line);
  }
  const lines = base64Encode(blob).match(/.{1,70}/g) ?? [];
  return ["---- BEGIN SSH2 PUBLIC KEY ----", ...headers, ...lines, "---- END SSH2 PUBLIC KEY ----", ""].join("\n");
}

/**
 * Parses a public key of OpenSSL in PEM: "PUBLIC KEY" (SubjectPublicKeyInfo, RFC 5280 §4.1), also with a compressed point, or "RSA PUBLIC
 * KEY" (RFC 8017 §A.1.1). `parsePublicKeyFile` reads the formats of SSH. Throws `file-malformed`, and `key-unsupported`, `key-malformed`
 * or `key-weak` for the key.
 */
export function parsePublicKeyPem(text: string): PublicKey {
  const blocks = parsePem(text).filter(({ label }) => label.endsWith("PUBLIC KEY"));
  const [block] = blocks;
  if (block === undefined || blocks.length > 1)
    throw new SshError("file-malformed", `expected one block "-----BEGIN PUBLIC KEY-----", got ${blocks.length}`);
  if (block.label === "RSA PUBLIC KEY") return keyOfBits(rsa, block.body);
  const outer = new DerReader(block.body, "SPKI");
  const reader = outer.sequence("SubjectPublicKeyInfo");
  outer.end();
  const identifier = reader.sequence("algorithm");
  const algorithm = identifier.oid("algorithm");
  const parameters = readParameters(identifier);
  identifier.end();
  const bits = reader.bits("subjectPublicKey");
  reader.end();
  const form = forms.find((one) => one.algorithm === algorithm && one.parameters === parameters);
  if (form === undefined) throw unsupportedKey(`algorithm ${algorithm}${parameters ? ` with ${parameters}` : ""}`);
  return keyOfBits(form, bits);
}

function readParameters(identifier: DerReader): string | null | undefined {
  if (identifier.done) return undefined;
  if (identifier.nextIs(0x06)) return identifier.oid("parameters");
  identifier.null("parameters");
  return null;
}

function keyOfBits(form: SpkiForm, bits: Uint8Array): PublicKey {
  const blob = new Writer().string(form.format);
  form.read(bits, blob);
  return parsePublicKey(blob.finish());
}
