import { type PrivateKeyFields, readKeyInteger } from "@nacre/keys/internal";
import { concatBytes, equalBytes, Reader, SshError, Writer } from "@nacre/wire";
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

/** Number of strings in the public key blob of each format of security keys, after the format. */
const SECURITY_KEY_PARTS: ReadonlyMap<string, number> = new Map([
  ["sk-ssh-ed25519@openssh.com", 2],
  ["sk-ecdsa-sha2-nistp256@openssh.com", 3],
]);

const CURVES = ["nistp256", "nistp384", "nistp521"] as const;

/** Writes a key: its format, then the parts that the format has. */
export function writeAddedKey(writer: Writer, key: AddedKey): void {
  switch (key.type) {
    case "plain":
      writer.string(formatOf(key.fields));
      return writeFields(writer, key.fields, false);
    case "certificate":
      writer.string(new Reader(key.certificate, "certificate", { code: "usage" }).name("format"));
      writer.string(key.certificate);
      return writeFields(writer, key.fields, true);
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
  const parts = SECURITY_KEY_PARTS.get(format);
  if (parts !== undefined) return readSecurityKey(reader, format, parts);
  const plain = plainName(format);
  if (format === plain) return { type: "plain", fields: readFields(reader, format, undefined) };
  const certificate = reader.string("certificate");
  const inside = new Reader(certificate, "certificate");
  if (inside.name("format") !== format) inside.fail("format", "is not that of the key");
  inside.string("nonce");
  return { type: "certificate", certificate, fields: readFields(reader, plain, inside) };
}

function readSecurityKey(reader: Reader, format: string, parts: number): AddedKey {
  const publicKey = new Writer().string(format);
  for (let i = 1; i <= parts; i++) publicKey.string(reader.string(`public key part ${i}`));
  const flags = reader.byte("flags");
  const keyHandle = reader.string("key handle");
  if (reader.string("reserved").length > 0) reader.fail("reserved", "is not empty");
  return { type: "security-key", publicKey: publicKey.finish(), flags, keyHandle };
}

/** Reads the values of a key. With a certificate, ECDSA and RSA keys have their public values there. */
function readFields(reader: Reader, format: string, certificate: Reader | undefined): PrivateKeyFields {
  const publicPart = certificate ?? reader;
  if (format === "ssh-ed25519") {
    const publicKey = reader.string("public key");
    const both = reader.string("private key");
    if (both.length !== 64 || !equalBytes(both.subarray(32), publicKey))
      reader.fail("private key", "is not a seed of 32 bytes and the public key");
    // rule: agent-certified-key
    if (certificate !== undefined && !equalBytes(certificate.string("public key"), publicKey))
      certificate.fail("public key", "is not that of the private key");
    return { format, seed: both.subarray(0, 32), publicKey };
  }
  if (format === "ssh-rsa") {
    const first = publicPart.mpint("n or e");
    const second = publicPart.mpint("e or n");
    const [n, e] = certificate === undefined ? [first, second] : [second, first];
    const [d, iqmp, p, q] = ["d", "iqmp", "p", "q"].map((field) => readKeyInteger(reader, field));
    return { format, n, e, d: d!, iqmp: iqmp!, p: p!, q: q! };
  }
  const curve = CURVES.find((one) => format === `ecdsa-sha2-${one}`);
  if (curve === undefined) throw new SshError("key-unsupported", `unsupported key format ${format.slice(0, 64)}`);
  if (publicPart.name("curve") !== curve) publicPart.fail("curve", `is not ${curve}`);
  const publicPoint = publicPart.string("public point");
  return { format: "ecdsa", curve, publicPoint, d: readKeyInteger(reader, "d") };
}

/** Writes the values of a key. With a certificate, ECDSA and RSA keys have their public values there. */
function writeFields(writer: Writer, fields: PrivateKeyFields, hasCertificate: boolean): void {
  switch (fields.format) {
    case "ssh-ed25519":
      writer.string(fields.publicKey).string(concatBytes(fields.seed, fields.publicKey));
      return;
    case "ecdsa":
      if (!hasCertificate) writer.string(fields.curve).string(fields.publicPoint);
      writer.mpint(fields.d);
      return;
    case "ssh-rsa":
      if (!hasCertificate) writer.mpint(fields.n).mpint(fields.e);
      writer.mpint(fields.d).mpint(fields.iqmp).mpint(fields.p).mpint(fields.q);
  }
}

function formatOf(fields: PrivateKeyFields): string {
  return fields.format === "ecdsa" ? `ecdsa-sha2-${fields.curve}` : fields.format;
}
