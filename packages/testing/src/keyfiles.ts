import { type KeyFileLimits, openPrivateKey, type UnlockedKey } from "@nacre/keyfiles";
import { type EcdsaFields, type PrivateKey, privateKeyFromFields, type RsaFields } from "@nacre/keys";
import { base64Decode, base64Encode, bigIntToBytes, concatBytes, utf8Encode, Writer } from "@nacre/wire";
import file from "../../../test-vectors/keyfiles.json" with { type: "json" };
import ppk from "../../../test-vectors/ppk.json" with { type: "json" };

interface Picture {
  readonly fingerprint: string;
  readonly randomart: string;
}

export interface PublicKeyVector {
  readonly line: string;
  readonly sha256: Picture;
  readonly md5: Picture;
  readonly rfc4716: string;
}

interface Vectors {
  readonly bcryptPbkdf: readonly {
    readonly passphrase: string;
    readonly salt: string;
    readonly rounds: number;
    readonly key: string;
  }[];
  readonly privateKeys: readonly {
    readonly name: string;
    readonly format: string;
    readonly passphrase?: string;
    readonly publicKey: string;
    readonly comment: string;
    readonly text: string;
  }[];
  readonly unsupported: readonly { readonly name: string; readonly text: string }[];
  readonly publicKeys: readonly PublicKeyVector[];
  readonly knownHosts: {
    readonly text: string;
    readonly hashed: string;
    readonly queries: readonly { readonly name: string; readonly found: number[]; readonly foundHashed: number[] }[];
  };
}

export const vectors: Vectors = file;

/** Files that puttygen made. */
export const ppkVectors: readonly {
  readonly name: string;
  readonly passphrase?: string;
  readonly publicKey: string;
  readonly comment: string;
  readonly text: string;
}[] = ppk.files;

/** Passphrase of all encrypted keys in the vectors. */
export const PASSPHRASE: string =
  vectors.privateKeys.find(({ passphrase }) => passphrase !== undefined)?.passphrase ?? "";

export function textOf(name: string): string {
  const vector = vectors.privateKeys.find((key) => key.name === name);
  if (vector === undefined) throw new Error(`no vector named ${name}`);
  return vector.text;
}

/** Returns a copy with the byte at `at` XORed with `mask`. */
export function flipped(bytes: Uint8Array, at: number, mask: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
}

/** Returns a PEM block with the body on one line. */
export function pem(label: string, body: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${base64Encode(body)}\n-----END ${label}-----\n`;
}

/** Decodes the body of a PEM text without headers. */
export function bodyOf(text: string): Uint8Array {
  const body = base64Decode(text.replace(/-----.*-----|\n/g, ""));
  if (body === undefined) throw new Error("invalid PEM text");
  return body;
}

/** Runs a generator to its end and returns its result. */
export function finish<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Opens a private key file, with the passphrase if it is encrypted. */
export function unlock(text: string, passphrase?: string, limits?: Partial<KeyFileLimits>): UnlockedKey {
  const file = openPrivateKey(text, limits);
  return file.encrypted ? finish(file.decrypt(passphrase ?? "")) : file;
}

export function keyOf(name: string): PrivateKey {
  return privateKeyFromFields(unlock(textOf(name)).privateKey.fields);
}

/** Returns an unencrypted OpenSSH file whose private integers have `zeros` needless leading zeros. `key` is ECDSA or RSA. */
export function zeroPaddedFile(key: PrivateKey, zeros: number): string {
  const { publicKey } = key;
  const fields = key.fields as EcdsaFields | RsaFields;
  const padded = (value: bigint): Uint8Array => concatBytes(new Uint8Array(zeros + 1), bigIntToBytes(value));
  const section = new Writer().uint32(1).uint32(1).string(publicKey.format);
  if (fields.format === "ssh-rsa")
    for (const name of ["n", "e", "d", "iqmp", "p", "q"] as const) section.string(padded(fields[name]));
  else section.string(fields.format.slice("ecdsa-sha2-".length)).string(fields.publicPoint).string(padded(fields.d));
  section.string("padded");
  for (let i = 1; section.finish().length % 8 !== 0; i++) section.byte(i);
  const file = new Writer().raw(utf8Encode("openssh-key-v1\0")).string("none").string("none").string("").uint32(1);
  return pem("OPENSSH PRIVATE KEY", file.string(publicKey.blob).string(section.finish()).finish());
}
