import {
  certifiedName,
  defaultKeyFormats,
  findKeyFormat,
  type KeyFormat,
  type PrivateKeyFields,
  type SecretForm,
} from "@nacre/keys/internal";
import { equalBytes, Reader, Writer } from "@nacre/wire";

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
  /** A key on a FIDO token (OpenSSH PROTOCOL.u2f). */
  | {
      readonly type: "security-key";
      /** Public key blob. */
      readonly publicKey: Uint8Array;
      /** Certificate blob of the key, if it is added with one. */
      readonly certificate?: Uint8Array;
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
    case "security-key": {
      const { publicKey, certificate, flags, keyHandle } = key;
      if (certificate === undefined) {
        writer.raw(publicKey);
      } else {
        const reader = new Reader(publicKey, "public key", { code: "usage" });
        const format = findKeyFormat(defaultKeyFormats, reader.name("format"));
        writer.string(certifiedName(format.name)).string(certificate);
        const kept = keptFields(format);
        for (const at of format.publicFields.keys()) {
          const field = reader.string("public key");
          if (kept.has(at)) writer.string(field);
        }
      }
      writer.byte(flags).string(keyHandle).string("");
    }
  }
}

/**
 * Returns the public fields of a security key that are repeated after its certificate, by index. The last one, the application, always is,
 * and an Ed25519 key as well. An ECDSA key is in the certificate only.
 */
function keptFields({ name, publicFields }: KeyFormat): ReadonlySet<number> {
  const last = publicFields.length - 1;
  return new Set(name === "sk-ssh-ed25519@openssh.com" ? [0, last] : [last]);
}

/**
 * Reads a key. Byte strings are views. Throws like `reader`, and `key-unsupported` for an unknown format. Does not check
 * whether public and private values match, except for Ed25519.
 */
export function readAddedKey(reader: Reader): AddedKey {
  const name = reader.name("key format");
  const plain = defaultKeyFormats.find((one) => certifiedName(one.name) === name);
  const format = plain ?? findKeyFormat(defaultKeyFormats, name);
  if (plain === undefined)
    return format.secret === undefined
      ? readSecurityKey(reader, format, undefined)
      : { type: "plain", fields: format.secret.read(reader) };
  const certificate = reader.string("certificate");
  const inside = new Reader(certificate, "certificate");
  if (inside.name("format") !== name) inside.fail("format", "is not that of the key");
  inside.string("nonce");
  return format.secret === undefined
    ? readSecurityKey(reader, format, { certificate, inside })
    : { type: "certificate", certificate, fields: format.secret.read(reader, inside) };
}

function readSecurityKey(
  reader: Reader,
  format: KeyFormat,
  certified: { readonly certificate: Uint8Array; readonly inside: Reader } | undefined,
): AddedKey {
  const publicKey = new Writer().string(format.name);
  const kept = certified && keptFields(format);
  for (const at of format.publicFields.keys()) {
    const known = certified?.inside.string(`public key part ${at + 1}`);
    const repeated = kept === undefined || kept.has(at) ? reader.string(`public key part ${at + 1}`) : undefined;
    if (known !== undefined && repeated !== undefined && !equalBytes(known, repeated))
      reader.fail(`public key part ${at + 1}`, "is not that of the certificate");
    publicKey.string((known ?? repeated)!);
  }
  const flags = reader.byte("flags");
  const keyHandle = reader.string("key handle");
  if (reader.string("reserved").length > 0) reader.fail("reserved", "is not empty");
  const { certificate } = certified ?? {};
  return { type: "security-key", publicKey: publicKey.finish(), ...(certificate && { certificate }), flags, keyHandle };
}

/** Returns the name of a plain key format or algorithm for that of its certificate; any other name unchanged. */
export function plainName(name: string): string {
  const names = defaultKeyFormats.flatMap((format) => [format.name, ...format.algorithms.map((one) => one.name)]);
  return names.find((one) => certifiedName(one) === name) ?? name;
}

function secretForm(format: string): SecretForm<PrivateKeyFields> {
  return findKeyFormat(defaultKeyFormats, format).secret!;
}
