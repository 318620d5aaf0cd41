import {
  defaultKeyFormats,
  type PrivateKey,
  type PrivateKeyFields,
  type PublicKey,
  parsePublicKey,
  type SecretForm,
} from "@nacre/keys/internal";
import { equalBytes, Reader, SshError, utf8Encode } from "@nacre/wire";
import type { KeyFileLimits } from "./limits.ts";
import type { MakeKey, UnlockedKey } from "./private-key-file.ts";
import { unsupportedKey } from "./unsupported.ts";

export const MAGIC: Uint8Array = /* @__PURE__ */ utf8Encode("openssh-key-v1\0");
const WHAT = "openssh-key-v1";
const CODE = { code: "file-malformed" } as const;

/** Parsed body of an OpenSSH private key file. `privateKeys` may be encrypted. */
export interface OpensshContainer {
  /** Encryption of `privateKeys`; `undefined` if they are not encrypted. */
  readonly encryption:
    | { readonly cipherName: string; readonly kdfName: string; readonly kdfOptions: Reader }
    | undefined;
  readonly publicKey: PublicKey;
  /** How the key's format writes its private values. */
  readonly secret: SecretForm<PrivateKeyFields>;
  readonly privateKeys: Uint8Array;
  /** Authentication tag of an AEAD cipher, else empty. */
  readonly tag: Uint8Array;
  /** Throws `file-malformed` for a field. */
  readonly fail: (field: string, problem: string) => never;
}

/**
 * Parses the body of "OPENSSH PRIVATE KEY" (OpenSSH PROTOCOL.key). Throws `file-malformed`, `key-unsupported`, and the errors of
 * `parsePublicKey`.
 */
export function readOpensshContainer(body: Uint8Array, limits: KeyFileLimits): OpensshContainer {
  const { reader, cipherName, kdfName, kdfOptions, blob, privateKeys, tag } = readFields(body);
  const format = new Reader(blob, `${WHAT} public key`, CODE).name("format");
  const secret = defaultKeyFormats.find(({ name }) => name === format)?.secret;
  if (secret === undefined) throw unsupportedKey(format);
  const publicKey = parsePublicKey(blob, limits);

  const isPlain = cipherName === "none" || kdfName === "none";
  if (isPlain && (cipherName !== kdfName || kdfOptions.length > 0 || tag.length > 0))
    reader.fail("kdfname", 'does not match ciphername: both or neither must be "none"');
  return {
    encryption: isPlain
      ? undefined
      : { cipherName, kdfName, kdfOptions: new Reader(kdfOptions, `${WHAT} kdfoptions`, CODE) },
    publicKey,
    secret,
    privateKeys,
    tag,
    fail: (field, problem) => reader.fail(field, problem),
  };
}

/**
 * Returns the public key in the body of "OPENSSH PRIVATE KEY", which is never encrypted, also of a key whose private part is on a security
 * key. Throws `file-malformed`, and the errors of `parsePublicKey`.
 */
export function publicKeyOfContainer(body: Uint8Array, limits: KeyFileLimits): PublicKey {
  return parsePublicKey(readFields(body).blob, limits);
}

interface ContainerFields {
  readonly reader: Reader;
  readonly cipherName: string;
  readonly kdfName: string;
  readonly kdfOptions: Uint8Array;
  readonly blob: Uint8Array;
  readonly privateKeys: Uint8Array;
  readonly tag: Uint8Array;
}

function readFields(body: Uint8Array): ContainerFields {
  if (!equalBytes(body.subarray(0, MAGIC.length), MAGIC))
    throw new SshError("file-malformed", `${WHAT}: magic string is missing at the start`);
  const reader = new Reader(body, WHAT, { ...CODE, offset: MAGIC.length });
  const cipherName = reader.name("ciphername");
  const kdfName = reader.name("kdfname");
  const kdfOptions = reader.string("kdfoptions");
  const keys = reader.uint32("number of keys");
  if (keys !== 1) reader.fail("number of keys", `is ${keys}, expected 1`);
  const blob = reader.string("public key");
  const privateKeys = reader.string("encrypted, padded list of private keys");
  const tag = reader.rest();
  return { reader, cipherName, kdfName, kdfOptions, blob, privateKeys, tag };
}

/** Parses the decrypted private section, which contains exactly one key. */
export function readPrivateSection(
  { publicKey, secret }: Pick<OpensshContainer, "publicKey" | "secret">,
  plain: Uint8Array,
  makeKey: MakeKey,
): UnlockedKey {
  const reader = new Reader(plain, `${WHAT} private part`, CODE);
  if (reader.uint32("first checkint") !== reader.uint32("second checkint"))
    // rule: checkints
    reader.fail("second checkint", "differs from the first");
  if (reader.name("key format") !== publicKey.format) reader.fail("key format", "does not match the public key");
  const privateKey: PrivateKey = makeKey(secret.read(reader));
  const comment = reader.text("comment");
  const padding = reader.rest();
  if (padding.length > 255 || padding.some((byte, i) => byte !== i + 1)) reader.fail("padding", "is not 1, 2, 3, …");
  if (!equalBytes(privateKey.publicKey.blob, publicKey.blob))
    reader.fail("private key", "does not match the public key in the file");
  return { privateKey, comment };
}
