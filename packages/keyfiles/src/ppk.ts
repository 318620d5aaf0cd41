import type { PrivateKey } from "@nacre/keys";
import { type PrivateKeyValues, type PublicKey, parsePublicKey } from "@nacre/keys/internal";
import {
  concatBytes,
  equalBytes,
  MAX_UINT32,
  type RandomSource,
  Reader,
  SshError,
  utf8Encode,
  Writer,
} from "@nacre/wire";
import { cbc } from "@noble/ciphers/aes.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha1 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { argon2 } from "./argon2.ts";
import { type KeyFileLimits, overLimit } from "./limits.ts";
import { isPpk } from "./plain-private-key.ts";
import { type PpkForm, ppkForms } from "./ppk-forms.ts";
import { cipherOf, type PpkEncryption, type PpkText, parsePpk, printPpk } from "./ppk-text.ts";
import {
  type KeyFileForm,
  type MakeKey,
  type PrivateKeyFile,
  passphraseBytes,
  type UnlockedKey,
} from "./private-key-file.ts";
import { unsupportedKey } from "./unsupported.ts";

const BLOCK = 16;

/** Keys of a file: two for the cipher, which are unused if the file is not encrypted, and one for the MAC. */
interface PpkKeys {
  readonly cipherKey: Uint8Array;
  readonly iv: Uint8Array;
  readonly macKey: Uint8Array;
}

/** PuTTY's private key files: PPK, versions 2 and 3 (PuTTY manual, appendix C). */
export const ppkFiles: KeyFileForm = { begins: isPpk, open: openPpk };

/** Throws `key-malformed` if the MAC of an unencrypted file does not match. */
function openPpk(text: string, limits: KeyFileLimits, makeKey: MakeKey): PrivateKeyFile {
  const make: MakeKey = (values) => makeKey(values, limits);
  const file = parsePpk(text);
  const form = ppkForms.find(({ format }) => format === file.format);
  if (form === undefined) throw unsupportedKey(file.format);
  const { encryption } = file;
  if (encryption.kind === "none") {
    const { macKey } = hashKeys(file.version, new Uint8Array());
    return { encrypted: false, format: "ppk", ...keyIn(file, form, file.privatePart, macKey, limits, make) };
  }
  if (encryption.kind === "argon2") {
    const { memory, passes } = encryption.costs;
    const work = memory * 1024 * passes;
    // rule: argon2-work
    if (work > limits.maxArgon2Work)
      throw overLimit(`${memory} KiB of memory × ${passes} passes for Argon2`, "maxArgon2Work", limits.maxArgon2Work);
  }
  return {
    encrypted: true,
    format: "ppk",
    publicKey: publicKeyIn(file, limits),
    *decrypt(passphrase) {
      const { cipherKey, iv, macKey } = yield* deriveKeys(file, passphraseBytes(passphrase));
      const plain = cbc(cipherKey, iv, { disablePadding: true }).decrypt(file.privatePart.slice());
      return keyIn(file, form, plain, macKey, limits, make);
    },
  };
}

/** Returns the key of a file whose private part is decrypted. Throws `passphrase-wrong`, or `key-malformed` for a changed file. */
function keyIn(
  file: PpkText,
  form: PpkForm,
  plain: Uint8Array,
  macKey: Uint8Array,
  limits: KeyFileLimits,
  makeKey: MakeKey,
): UnlockedKey {
  // rule: ppk-mac
  if (!hasMac(file, plain, macKey)) throw mismatch(file, form, plain);
  publicKeyIn(file, limits);
  const { values } = readValues(file, form, plain);
  return { privateKey: makeKey(values), comment: file.comment };
}

/** Returns whether the MAC matches, with the comment in UTF-8 or in Latin-1: `keyFileText` reads both. */
function hasMac(file: PpkText, plain: Uint8Array, macKey: Uint8Array): boolean {
  const comments = [utf8Encode(file.comment)];
  if (/^[\0-\xff]*$/.test(file.comment)) comments.push(Uint8Array.from(file.comment, (one) => one.charCodeAt(0)));
  return comments.some((comment) => equalBytes(macOf({ ...file, comment }, plain, macKey), file.mac));
}

/** Returns the error for a MAC that does not match. A wrong passphrase leaves noise, and a right one private values that can be read. */
function mismatch(file: PpkText, form: PpkForm, plain: Uint8Array): SshError {
  const changed = new SshError("key-malformed", "PPK: the MAC does not match; the file was changed or is damaged");
  if (file.encryption.kind === "none") return changed;
  try {
    if (readValues(file, form, plain).rest < BLOCK) return changed;
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
  }
  return new SshError("passphrase-wrong", "wrong passphrase for the private key");
}

/** Reads the values of a key, and returns the number of bytes that follow them: the padding before encryption. */
function readValues(
  { publicPart, format }: PpkText,
  form: PpkForm,
  plain: Uint8Array,
): { readonly values: PrivateKeyValues; readonly rest: number } {
  const privatePart = new Reader(plain, "PPK private part", { code: "key-malformed" });
  const blob = new Reader(publicPart, "PPK public key", { code: "key-malformed", offset: 4 + format.length });
  const values = form.read(privatePart, blob);
  return { values, rest: privatePart.remaining };
}

function publicKeyIn({ format, publicPart }: PpkText, limits: KeyFileLimits): PublicKey {
  const inside = new Reader(publicPart, "PPK public key", { code: "key-malformed" }).name("format");
  if (inside !== format)
    throw new SshError("key-malformed", `PPK: the public key has another format than the first line, ${format}`);
  return parsePublicKey(publicPart, limits);
}

/** Computes the MAC over everything that decides about the key (PuTTY manual §C.2, §C.4). */
function macOf(
  {
    version,
    format,
    encryption,
    comment,
    publicPart,
  }: Omit<PpkText, "comment" | "privatePart" | "mac"> & {
    readonly comment: string | Uint8Array;
  },
  plain: Uint8Array,
  macKey: Uint8Array,
): Uint8Array {
  const input = new Writer(4096).string(format).string(cipherOf(encryption)).string(comment).string(publicPart);
  return hmac(version === 2 ? sha1 : sha256, macKey, input.string(plain).finish());
}

/** Derives the keys for a passphrase (PuTTY manual §C.3, §C.4). */
function* deriveKeys(
  { version, encryption }: Pick<PpkText, "version" | "encryption">,
  passphrase: Uint8Array,
): Generator<void, PpkKeys> {
  if (encryption.kind !== "argon2") return hashKeys(version, passphrase);
  const derived = yield* argon2({ passphrase, salt: encryption.salt }, encryption.costs, 80);
  const keys = { cipherKey: derived.slice(0, 32), iv: derived.slice(32, 48), macKey: derived.slice(48) };
  derived.fill(0);
  return keys;
}

/** Returns the keys without Argon2. Those of an unencrypted file are known to everybody: its MAC finds damage, but no forgery. */
function hashKeys(version: 2 | 3, passphrase: Uint8Array): PpkKeys {
  const [first, second] = [0, 1].map((number) => sha1(concatBytes(Uint8Array.of(0, 0, 0, number), passphrase)));
  return {
    cipherKey: concatBytes(first!, second!).slice(0, 32),
    iv: new Uint8Array(BLOCK),
    macKey:
      version === 2 ? sha1(concatBytes(utf8Encode("putty-private-key-file-mac-key"), passphrase)) : new Uint8Array(),
  };
}

/** Options of {@link formatPpk}. */
export interface FormatPpkOptions {
  /** Passphrase to encrypt the key with. `""`, the default, means no encryption. */
  readonly passphrase?: string | undefined;
  /** Comment, at most 1,024 characters in one line; default `""`. */
  readonly comment?: string | undefined;
  /** Version of the format; default 3. PuTTY before 0.75 reads only version 2, in which passphrases can be guessed fast. */
  readonly version?: 2 | 3 | undefined;
  /** Cost of one passphrase guess in version 3: passes of Argon2id over 8 MiB; default 8. */
  readonly passes?: number | undefined;
  /** Random source for salts. */
  readonly random: RandomSource;
}

/** Memory that PuTTY uses, in KiB. */
const MEMORY = 8192;
const PASSES = 8;

/**
 * Returns the text of PuTTY's private key file (PPK), with a final newline. Yields every few milliseconds. Throws `usage` for invalid
 * options.
 */
export function* formatPpk(key: PrivateKey, options: FormatPpkOptions): Generator<void, string> {
  const { passphrase = "", comment = "", version = 3, passes = PASSES, random } = options;
  if (version !== 2 && version !== 3) throw new SshError("usage", `\`version\` must be 2 or 3, got ${String(version)}`);
  if (!(Number.isInteger(passes) && passes >= 1 && passes <= MAX_UINT32))
    throw new SshError("usage", `\`passes\` must be an integer from 1 to ${MAX_UINT32}, got ${passes}`);
  if (comment.length > 1024 || /[\r\n\0]/.test(comment))
    throw new SshError("usage", "`comment` must be a single line of at most 1024 characters");
  const { format, blob } = key.publicKey;
  const form = ppkForms.find((one) => one.format === format);
  if (form === undefined) throw unsupportedKey(format);
  const encryption: PpkEncryption =
    passphrase === ""
      ? { kind: "none" }
      : version === 2
        ? { kind: "sha1" }
        : { kind: "argon2", costs: { kind: "Argon2id", memory: MEMORY, passes, lanes: 1 }, salt: random(16) };
  const { cipherKey, iv, macKey } = yield* deriveKeys({ version, encryption }, utf8Encode(passphrase));

  const writer = new Writer(4096);
  form.write(writer, key.fields);
  const values = writer.finish();
  const padding = encryption.kind === "none" ? 0 : -values.length & (BLOCK - 1);
  const plain = concatBytes(values, sha1(values).subarray(0, padding));
  const head = { version, format, comment, publicPart: blob, encryption };
  const mac = macOf(head, plain, macKey);
  const privatePart = encryption.kind === "none" ? plain : cbc(cipherKey, iv, { disablePadding: true }).encrypt(plain);
  return printPpk({ ...head, privatePart, mac });
}
