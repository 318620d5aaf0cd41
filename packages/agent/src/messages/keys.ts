import { defaultKeyFormats, findKeyFormat, type PrivateKeyFields, type SecretForm } from "@nacre/keys/internal";
import { Reader, SshError, Writer } from "@nacre/wire";
import { plainName } from "../constants.ts";

/** Key in a request that adds it to an agent (RFC 9987 §3.2). Secret: never log it. */
export type AddedKey =
  | { readonly type: "plain"; readonly fields: PrivateKeyFields }
  /** A certificate, with the private key that it certifies. */
  | {
      readonly type: "certificate";
      /** Certificate blob (OpenSSH PROTOCOL.certkeys). */
      readonly certificate: Uint8Array;
      readonly fields: PrivateKeyFields;
    }
  /** A key on a FIDO token (OpenSSH PROTOCOL.u2f). Not for certificates of such keys. */
  | {
      readonly type: "security-key";
      /** Public key blob. */
      readonly publicKey: Uint8Array;
      readonly flags: number;
      readonly keyHandle: Uint8Array;
    };

/** Writes a key: its format, then the parts that the format has. */
export function writeAddedKey(writer: Writer, key: AddedKey): void {
  switch (key.type) {
    case "plain":
      writer.string(key.fields.format);
      return secretForm(key.fields.format).write(writer, key.fields, false);
    case "certificate":
      writer.string(new Reader(key.certificate, "certificate", { code: "usage" }).name("format"));
      writer.string(key.certificate);
      return secretForm(key.fields.format).write(writer, key.fields, true);
    case "security-key":
      writer.raw(key.publicKey).byte(key.flags).string(key.keyHandle).string("");
  }
}

/**
 * Reads a key. Byte strings are views. Throws like `reader`, and `key-unsupported` for an unknown format. Does not check
 * whether public and private values match, except for Ed25519.
 */
export function readAddedKey(reader: Reader): AddedKey {
  const format = reader.name("key format");
  const plain = plainName(format);
  const { secret, publicFields } = findKeyFormat(defaultKeyFormats, plain);
  if (format === plain) {
    if (secret === undefined) return readSecurityKey(reader, format, publicFields.length);
    return { type: "plain", fields: secret.read(reader) };
  }
  if (secret === undefined) throw new SshError("key-unsupported", `unsupported key format ${format}`);
  const certificate = reader.string("certificate");
  const inside = new Reader(certificate, "certificate");
  if (inside.name("format") !== format) inside.fail("format", "is not that of the key");
  inside.string("nonce");
  return { type: "certificate", certificate, fields: secret.read(reader, inside) };
}

function readSecurityKey(reader: Reader, format: string, parts: number): AddedKey {
  const publicKey = new Writer().string(format);
  for (let i = 1; i <= parts; i++) publicKey.string(reader.string(`public key part ${i}`));
  const flags = reader.byte("flags");
  const keyHandle = reader.string("key handle");
  if (reader.string("reserved").length > 0) reader.fail("reserved", "is not empty");
  return { type: "security-key", publicKey: publicKey.finish(), flags, keyHandle };
}

function secretForm(format: string): SecretForm<PrivateKeyFields> {
  return findKeyFormat(defaultKeyFormats, format).secret!;
}
