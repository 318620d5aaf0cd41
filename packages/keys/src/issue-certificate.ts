import { type Bytes, type RandomSource, Reader, SshError, utf8Encode, Writer } from "@nacre/wire";
import { type CertificateType, certifiedName, FOREVER, isCertified } from "./certificate.ts";
import type { PrivateKey, PublicKey, SignatureNames } from "./key.ts";
import { keyReader } from "./key-format.ts";

/** Content of a new certificate. */
export interface CertificateOptions {
  /** The key to certify: a plain one. */
  readonly publicKey: PublicKey;
  readonly type: CertificateType;
  /** Name for logs and revocation lists, such as the person's. */
  readonly keyId: string;
  /**
   * Users who may log in with it, or names of the host; for a host also patterns. At least one, at most 256. With `"none"` Nacre and
   * OpenSSH 10.3 refuse the certificate, but earlier versions of OpenSSH accept it for any host, and for any user whose authorized_keys
   * has the authority.
   */
  readonly principals: readonly string[] | "none";
  /** Number for revocation lists. Default: 0, none. */
  readonly serial?: bigint | undefined;
  /** First second of its validity, in seconds since 1970. Default: 0, from the beginning. */
  readonly validAfter?: bigint | undefined;
  /** First second after its validity, in seconds since 1970. */
  readonly validBefore: bigint | "forever";
  /** Options that servers must obey, such as `{ "force-command": "backup" }`. A flag, such as `"verify-required"`, has the value `""`. */
  readonly criticalOptions?: Readonly<Record<string, string>> | undefined;
  /** Permissions, such as {@link USER_PERMISSIONS}. Default: none, so that a user may run commands without a terminal or forwards. */
  readonly extensions?: Readonly<Record<string, string>> | undefined;
  /** Source of the nonce. */
  readonly random: RandomSource;
}

/** The permissions that `ssh-keygen -s` gives to users. */
export const USER_PERMISSIONS: Readonly<Record<string, string>> = {
  "permit-X11-forwarding": "",
  "permit-agent-forwarding": "",
  "permit-port-forwarding": "",
  "permit-pty": "",
  "permit-user-rc": "",
};

/** A certificate without its signature, for an authority whose private key is elsewhere, such as in an agent or a hardware module. */
export interface UnsignedCertificate {
  /** Name of the algorithm to sign with. */
  readonly algorithm: string;
  /** Bytes to sign. */
  readonly data: Bytes;
  /** Returns the certificate. Throws `agent-failed` for the signature of another algorithm. The signature is not verified. */
  finish(signature: Uint8Array): Bytes;
}

const NONCE_LENGTH = 32;
const MAX_PRINCIPALS = 256;

/**
 * Returns the blob of a new certificate, signed by `authority` with `algorithm` (default: the key's first; an RSA key's is rsa-sha2-512).
 * Write it as a line with `formatPublicKeyLine` of `@nacre/keyfiles`. Throws `usage` for options that no server would accept, and
 * `key-unsupported` for a key that cannot be certified or an algorithm that is not the authority's.
 */
export function issueCertificate(authority: PrivateKey, options: CertificateOptions, algorithm?: string): Bytes {
  const unsigned = prepareCertificate(authority.publicKey, options, algorithm);
  return unsigned.finish(authority.sign(unsigned.algorithm, unsigned.data, options.random));
}

/** Begins a certificate like {@link issueCertificate}, for an authority that signs elsewhere. */
export function prepareCertificate(
  authority: PublicKey,
  options: CertificateOptions,
  algorithm?: string,
): UnsignedCertificate {
  const names = signingNames(authority, algorithm);
  const { publicKey, type, keyId, serial = 0n, validAfter = 0n, random } = options;
  const principals = principalsOf(options);
  const validBefore = options.validBefore === "forever" ? FOREVER : options.validBefore;
  if (isCertified(publicKey.format))
    throw new SshError("key-unsupported", "a certificate cannot be certified; pass the plain key in it");
  if ([keyId, ...principals].some((text) => text.includes("\0")))
    throw new SshError("usage", "`keyId` and `principals` must not contain NUL characters");
  if (validBefore <= validAfter)
    throw new SshError("usage", "`validBefore` must be after `validAfter`; the certificate would never be valid");
  const principalList = new Writer();
  for (const principal of principals) principalList.string(principal);
  const plain = keyReader(publicKey.blob, publicKey.format);
  const data = new Writer(1024)
    .string(certifiedName(publicKey.format))
    .string(random(NONCE_LENGTH))
    .raw(plain.rest())
    .uint64(serial)
    .uint32(type === "user" ? 1 : 2)
    .string(keyId)
    .string(principalList.finish())
    .uint64(validAfter)
    .uint64(validBefore)
    .string(optionList(options.criticalOptions))
    .string(optionList(options.extensions))
    .string("")
    .string(authority.blob)
    .finish();
  return {
    algorithm: names.name,
    data,
    finish(signature) {
      // A security key's has more behind the signature itself.
      if (new Reader(signature, "signature", { code: "agent-failed" }).name("algorithm") !== names.signatureName)
        throw new SshError("agent-failed", `expected a signature of ${names.signatureName} by the authority`);
      return new Writer(data.length + signature.length + 4).raw(data).string(signature).finish();
    },
  };
}

function signingNames({ format, algorithms }: PublicKey, algorithm: string | undefined): SignatureNames {
  const names = algorithm === undefined ? algorithms[0] : algorithms.find(({ name }) => name === algorithm);
  if (names === undefined)
    throw new SshError("key-unsupported", `an authority of format ${format} cannot sign with ${algorithm}`);
  return names;
}

function principalsOf({ principals }: CertificateOptions): readonly string[] {
  if (principals === "none") return [];
  if (principals.length === 0 || principals.includes(""))
    throw new SshError(
      "usage",
      'missing names in `principals`; pass users or hosts, or "none" for a certificate without names',
    );
  if (principals.length > MAX_PRINCIPALS)
    throw new SshError("usage", `\`principals\` has ${principals.length} names, but the maximum is ${MAX_PRINCIPALS}`);
  return principals;
}

/** Encodes options sorted by their names' bytes, as the draft demands. A value is a string in a string. */
function optionList(options: Readonly<Record<string, string>> = {}): Bytes {
  const writer = new Writer();
  const sorted = Object.entries(options).map(([name, value]) => ({ name: utf8Encode(name), value }));
  sorted.sort((a, b) => compare(a.name, b.name));
  for (const { name, value } of sorted)
    writer.string(name).string(value === "" ? "" : new Writer().string(value).finish());
  return writer.finish();
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at < 0 ? a.length - b.length : a[at]! - (b[at] ?? -1);
}
