import {
  type PrivateKey,
  type PrivateKeyFields,
  type PublicKey,
  parsePublicKey,
  readKeyInteger,
} from "@nacre/keys/internal";
import { equalBytes, Reader, SshError, utf8Encode } from "@nacre/wire";
import type { KeyMaker, UnlockedKey } from "./private-key-file.ts";
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
export function readOpensshContainer(body: Uint8Array): OpensshContainer {
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

  const format = new Reader(blob, `${WHAT} public key`, CODE).name("format");
  if (!/^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521))$/.test(format)) throw unsupportedKey(format);
  const publicKey = parsePublicKey(blob);

  const isPlain = cipherName === "none" || kdfName === "none";
  if (isPlain && (cipherName !== kdfName || kdfOptions.length > 0 || tag.length > 0))
    reader.fail("kdfname", 'does not match ciphername: both or neither must be "none"');
  return {
    encryption: isPlain
      ? undefined
      : { cipherName, kdfName, kdfOptions: new Reader(kdfOptions, `${WHAT} kdfoptions`, CODE) },
    publicKey,
    privateKeys,
    tag,
    fail: (field, problem) => reader.fail(field, problem),
  };
}

/** Parses the decrypted private section, which contains exactly one key. */
export function readPrivateSection(plain: Uint8Array, publicKey: PublicKey, makeKey: KeyMaker): UnlockedKey {
  const reader = new Reader(plain, `${WHAT} private part`, CODE);
  if (reader.uint32("first checkint") !== reader.uint32("second checkint"))
    // rule: checkints
    reader.fail("second checkint", "differs from the first");
  const privateKey: PrivateKey = makeKey(readFields(reader));
  const comment = reader.text("comment");
  const padding = reader.rest();
  if (padding.length > 255 || padding.some((byte, i) => byte !== i + 1)) reader.fail("padding", "is not 1, 2, 3, …");
  if (!equalBytes(privateKey.publicKey.blob, publicKey.blob))
    reader.fail("private key", "does not match the public key in the file");
  return { privateKey, comment };
}

function readFields(reader: Reader): PrivateKeyFields {
  const format = reader.name("key format");
  switch (format) {
    case "ssh-ed25519": {
      const publicKey = reader.string("public key").slice();
      const secret = reader.string("private key");
      if (secret.length !== 64 || !equalBytes(secret.subarray(32), publicKey))
        reader.fail("private key", "is not a 32-byte seed followed by the public key");
      return { format, seed: secret.slice(0, 32), publicKey };
    }
    case "ssh-rsa": {
      const [n, e, d, iqmp, p, q] = ["n", "e", "d", "iqmp", "p", "q"].map((field) => readKeyInteger(reader, field));
      return { format, n: n!, e: e!, d: d!, iqmp: iqmp!, p: p!, q: q! };
    }
    case "ecdsa-sha2-nistp256":
    case "ecdsa-sha2-nistp384":
    case "ecdsa-sha2-nistp521": {
      const curve = reader.name("curve");
      if (`ecdsa-sha2-${curve}` !== format) reader.fail("curve", `does not match ${format}`);
      const publicPoint = reader.string("public point").slice();
      return { format: "ecdsa", curve: curve as "nistp256", d: readKeyInteger(reader, "d"), publicPoint };
    }
    default:
      return reader.fail("key format", "does not match the public key");
  }
}
