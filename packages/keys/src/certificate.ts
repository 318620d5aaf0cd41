import { type Bytes, copyBytes, equalBytes, Reader, SshError, utf8Decode, Writer } from "@nacre/wire";
import type { PublicKey, SignatureAlgorithm, SignatureNames } from "./key.ts";
import { findKeyFormat, formatName, type KeyFormat, keyReader, publicKeyOf, readPublicKey } from "./key-format.ts";

/*
 * OpenSSH certificates (draft-ietf-sshm-cert-01): a key with names and a time, signed by an authority. The twin of a plain format or
 * algorithm is made of it, so that a new kind of key has certificates without a line.
 */

/** Whom a certificate names: the user who logs in with it, or the host that has it. */
export type CertificateType = "user" | "host";

/** A parsed certificate. Its texts are those of the issuer; escape them before showing them. */
export interface Certificate {
  /** The whole certificate. */
  readonly blob: Bytes;
  /** Its format, such as `"ssh-ed25519-cert-v01@openssh.com"`. */
  readonly format: string;
  /** The key that is certified. */
  readonly publicKey: PublicKey;
  /** Number that the authority gave it; 0: none. */
  readonly serial: bigint;
  readonly type: CertificateType;
  /** Name for logs and revocation lists. */
  readonly keyId: string;
  /** Users or hosts that it names. Empty: it is good for no name. */
  readonly principals: readonly string[];
  /** First second of its validity, in seconds since 1970; 0: from the beginning. */
  readonly validAfter: bigint;
  /** First second after its validity; 2⁶⁴ − 1: {@link FOREVER}. */
  readonly validBefore: bigint;
  /** Options that must be understood and obeyed, by name. */
  readonly criticalOptions: ReadonlyMap<string, Uint8Array>;
  /** Permissions and information, by name. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
  /** Key of the authority that signed it. */
  readonly authority: PublicKey;
  /** Name of the algorithm of the authority's signature, such as `"rsa-sha2-512"`. */
  readonly signatureAlgorithm: string;
  /** Whether the signature was verified. False: no algorithm of this name was at hand. Then the certificate must not be trusted. */
  readonly isVerified: boolean;
}

/** End of a certificate that does not expire. */
export const FOREVER = 0xffff_ffff_ffff_ffffn;

/** Maximum number of principals in a certificate, as in OpenSSH. */
const MAX_PRINCIPALS = 256;

/** Ending of the labels of certificates. */
export const CERTIFIED_LABEL = "-CERT";

const ENDING = "-cert-v01@openssh.com";
const TYPES: readonly (CertificateType | undefined)[] = [undefined, "user", "host"];

/** Returns the name of the certificate's twin of a key format or algorithm. */
export function certifiedName(name: string): string {
  return name.replace(/@openssh\.com$/, "") + ENDING;
}

/** Whether a key format or algorithm is that of a certificate. */
export function isCertified(name: string): boolean {
  return name.endsWith(ENDING);
}

/** Returns the format of certificates of a key format. */
export function certified(format: KeyFormat): KeyFormat {
  return {
    name: certifiedName(format.name),
    label: `${format.label}${CERTIFIED_LABEL}`,
    sshfp: undefined,
    algorithms: format.algorithms.map(certifiedNames),
    publicFields: [undefined, ...format.publicFields],
    check: (blob) => readFields(blob, format).publicKey.bits,
    secret: undefined,
  };
}

function certifiedNames({ name, signatureName }: SignatureNames): SignatureNames {
  return { name: certifiedName(name), signatureName };
}

/**
 * Returns the algorithm of a certificate of a key that signs with `algorithm`. It verifies the authority's signature too, with
 * `authorities`, and throws `key-malformed` if that is invalid; `facts.certificate` has the result. Whether the authority is trusted, and
 * what the certificate is good for, is for the caller to judge (`certificateProblem`).
 */
export function certifiedAlgorithm(
  algorithm: SignatureAlgorithm,
  formats: readonly KeyFormat[],
  authorities: readonly SignatureAlgorithm[],
): SignatureAlgorithm {
  const keyFormat = certifiedName(algorithm.keyFormat);
  const read = (publicKey: Uint8Array): Certificate => {
    // rule: certificate-format
    if (formatName(publicKey) !== keyFormat)
      throw new SshError(
        "key-malformed",
        `expected a certificate of format ${keyFormat}, got ${formatName(publicKey)}`,
      );
    return readCertificate(publicKey, formats, authorities);
  };
  return {
    ...certifiedNames(algorithm),
    keyFormat,
    certificate: read,
    withMinRsaBits: (bits) =>
      certifiedAlgorithm(
        algorithm.withMinRsaBits?.(bits) ?? algorithm,
        formats,
        authorities.map((one) => one.withMinRsaBits?.(bits) ?? one),
      ),
    verify(publicKey, data, signature) {
      const certificate = read(publicKey);
      const facts = algorithm.verify(certificate.publicKey.blob, data, signature);
      return facts && { ...facts, certificate };
    },
  };
}

/**
 * Parses a certificate and verifies its authority's signature. `formats` are plain ones: those of the keys that may be certified and of
 * authorities. A signature by an algorithm that is not in the list is not verified (`isVerified`).
 *
 * Throws `key-unsupported` for another format, `key-malformed` for invalid fields and an invalid signature, and `key-weak` as the plain
 * formats do.
 */
export function readCertificate(
  blob: Uint8Array,
  formats: readonly KeyFormat[],
  algorithms: readonly SignatureAlgorithm[],
): Certificate {
  const name = formatName(blob);
  const format = formats.find((one) => certifiedName(one.name) === name);
  if (format === undefined) throw new SshError("key-unsupported", `unsupported certificate format ${name}`);
  const { signed, signature, authorityBlob, ...fields } = readFields(blob, format);
  // Only plain formats are in the list, so a certificate cannot be an authority.
  // rule: certificate-authority
  const ofAuthority = findKeyFormat(formats, formatName(authorityBlob), " of the certificate's authority");
  const authority = readPublicKey(authorityBlob, [ofAuthority]);
  const signatureAlgorithm = new Reader(signature, "certificate signature", { code: "key-malformed" }).name(
    "algorithm",
  );
  const algorithm = algorithms.find(
    (one) => one.signatureName === signatureAlgorithm && one.keyFormat === authority.format,
  );
  // rule: certificate-signature
  if (algorithm !== undefined && algorithm.verify(authority.blob, signed, signature) === undefined)
    throw new SshError("key-malformed", "the certificate's signature is not by the authority that it names");
  return { ...fields, authority, signatureAlgorithm, isVerified: algorithm !== undefined };
}

/**
 * Returns the blob of the key in a certificate of one of these plain formats, and any other blob unchanged. `name` is the blob's format, if
 * it is known. Checks neither. Throws `key-malformed` for a certificate that ends before its key does.
 */
export function certifiedKeyBlob(
  blob: Uint8Array,
  formats: readonly KeyFormat[],
  name: string = formatName(blob),
): Uint8Array {
  const format = formats.find((one) => certifiedName(one.name) === name);
  return format === undefined ? blob : readPlainBlob(keyReader(blob, name), format);
}

/** Returns the certificate as a public key: what a client presents in the place of the plain one. */
export function certificateKey({ blob, format, publicKey }: Certificate): PublicKey {
  return {
    format,
    blob,
    bits: publicKey.bits,
    algorithms: publicKey.algorithms.map(certifiedNames),
    certifies: publicKey,
  };
}

/** Returns the algorithm that the certified key signs with for one of its certificate. Throws `key-unsupported` for another. */
export function plainAlgorithm({ format, publicKey }: Certificate, algorithm: string): string {
  const found = publicKey.algorithms.find(({ name }) => certifiedName(name) === algorithm);
  if (found === undefined)
    throw new SshError("key-unsupported", `key of format ${format} cannot sign with ${algorithm}`);
  return found.name;
}

/** A key that signs by the name of an algorithm: a `PrivateKey`, or one that is kept elsewhere and signs later. */
export interface SigningKey {
  readonly publicKey: PublicKey;
  /** Signs with the algorithm of this name. What else it takes, and how it returns the signature, is up to the key. */
  readonly sign: (algorithm: string, ...others: never[]) => unknown;
}

/**
 * Returns a private key, in memory or elsewhere, that presents the certificate in the place of its public key. Throws `key-malformed`
 * unless the certificate is that of the key.
 */
export function certifiedPrivateKey<Key extends SigningKey>(privateKey: Key, certificate: Certificate): Key {
  // rule: certificate-own-key
  if (!equalBytes(privateKey.publicKey.blob, certificate.publicKey.blob))
    throw new SshError("key-malformed", "the certificate is not that of the private key");
  return {
    ...privateKey,
    publicKey: certificateKey(certificate),
    sign: (algorithm: string, ...others: never[]) => privateKey.sign(plainAlgorithm(certificate, algorithm), ...others),
  };
}

interface CertificateFields extends Omit<Certificate, "authority" | "signatureAlgorithm" | "isVerified"> {
  readonly authorityBlob: Uint8Array;
  /** The bytes that the authority signed. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

function readFields(blob: Uint8Array, format: KeyFormat): CertificateFields {
  const name = certifiedName(format.name);
  const reader = keyReader(blob, name);
  const plainBlob = readPlainBlob(reader, format);
  const serial = reader.uint64("serial");
  const typeNumber = reader.uint32("type");
  // rule: certificate-type
  const type = TYPES[typeNumber] ?? reader.fail("type", `is ${typeNumber}, expected 1 (user) or 2 (host)`);
  const keyId = readText(reader, "key id");
  const principals = readPrincipals(reader);
  const validAfter = reader.uint64("valid after");
  const validBefore = reader.uint64("valid before");
  const criticalOptions = readOptions(reader, "critical options");
  const extensions = readOptions(reader, "extensions");
  reader.string("reserved");
  const authorityBlob = reader.string("signature key");
  const signed = blob.subarray(0, blob.length - reader.remaining);
  const signature = reader.string("signature");
  // rule: certificate-end
  reader.end();

  const publicKey = publicKeyOf(format, plainBlob, format.check(plainBlob));
  return {
    blob: copyBytes(blob),
    format: name,
    publicKey,
    serial,
    type,
    keyId,
    principals,
    validAfter,
    validBefore,
    criticalOptions,
    extensions,
    authorityBlob,
    signed,
    signature,
  };
}

/** Reads the nonce and the public fields of a certificate. Returns them as a blob of the plain format, unchecked. */
function readPlainBlob(reader: Reader, format: KeyFormat): Bytes {
  reader.string("nonce");
  const plain = new Writer(512).string(format.name);
  for (const _field of format.publicFields) plain.string(reader.string("public key"));
  return plain.finish();
}

function readPrincipals(reader: Reader): string[] {
  const list = new Reader(reader.string("valid principals"), "valid principals", { code: "key-malformed" });
  const principals: string[] = [];
  while (list.remaining > 0) {
    // rule: certificate-principals
    if (principals.length === MAX_PRINCIPALS)
      list.fail("valid principals", `are more than ${MAX_PRINCIPALS}, which is the maximum`);
    principals.push(readText(list, "principal"));
  }
  return principals;
}

function readOptions(reader: Reader, field: string): Map<string, Uint8Array> {
  const list = new Reader(reader.string(field), field, { code: "key-malformed" });
  const options = new Map<string, Uint8Array>();
  while (list.remaining > 0) {
    const name = readText(list, "name");
    // rule: certificate-option-once
    if (options.has(name)) list.fail("name", "is there twice");
    options.set(name, copyBytes(list.string("data")));
  }
  return options;
}

/** Reads a text without NUL, which programs in C would take as its end. Bytes that are not UTF-8 cannot match any name. */
function readText(reader: Reader, field: string): string {
  const bytes = reader.string(field);
  // rule: certificate-nul
  if (bytes.includes(0)) reader.fail(field, "contains a NUL character");
  return utf8Decode(bytes) ?? reader.fail(field, "is not UTF-8");
}
