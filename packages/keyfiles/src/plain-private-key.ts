import type { PrivateKey, PublicKey } from "@nacre/keys/internal";
import { completeLimits, type Overrides, SshError, utf8Decode } from "@nacre/wire";
import { readPkcs1, readPkcs8, readSec1 } from "./key-der.ts";
import { KEY_FILE_LIMITS, type KeyFileLimits } from "./limits.ts";
import { publicKeyOfContainer, readOpensshContainer, readPrivateSection } from "./openssh-container.ts";
import { type PemBlock, parsePem } from "./pem.ts";
import type { MakeKey, PlainKeyFile, PrivateKeyFormat } from "./private-key-file.ts";
import { unsupportedKey } from "./unsupported.ts";

/**
 * Opens an unencrypted private key file like `openPrivateKey`, with the key constructor `makeKey`. `undefined` if it is encrypted or
 * PuTTY's, which has a MAC.
 */
export function openPlainPrivateKey(
  text: string | Uint8Array,
  makeKey: MakeKey,
  limits?: Overrides<KeyFileLimits>,
): PlainKeyFile | undefined {
  const allowed = completeLimits(KEY_FILE_LIMITS, limits);
  const string = keyFileText(text, allowed);
  return isPpk(string) ? undefined : openPlainBlock(findPrivateKey(string), makeKey, allowed);
}

/**
 * Returns the public key that OpenSSH's private key files have outside of their encrypted part, also for keys whose private part is on a
 * security key; `undefined` for other formats. Throws as `openPrivateKey`.
 */
export function publicKeyInside(text: string | Uint8Array, limits?: Overrides<KeyFileLimits>): PublicKey | undefined {
  const allowed = completeLimits(KEY_FILE_LIMITS, limits);
  const string = keyFileText(text, allowed);
  if (isPpk(string)) return undefined;
  const { label, body } = findPrivateKey(string);
  return label === "OPENSSH PRIVATE KEY" ? publicKeyOfContainer(body, allowed) : undefined;
}

/** Returns whether a text begins like PuTTY's private key file. */
export function isPpk(text: string): boolean {
  return text.trimStart().startsWith("PuTTY-User-Key-File-");
}

/** Returns the text of a private key file. Throws `file-malformed`. */
export function keyFileText(text: string | Uint8Array, { maxFileSize }: KeyFileLimits): string {
  // rule: key-file-size
  if (text.length > maxFileSize)
    throw new SshError(
      "file-malformed",
      `the file has ${text.length} bytes, but the maximum is ${maxFileSize} (\`maxFileSize\`)`,
    );
  const string = typeof text === "string" ? text : utf8Decode(text);
  if (string !== undefined) return string;
  // PuTTY for Windows writes comments in the code page of the system, and so may be the text around a PEM block.
  const latin1 = Array.from(text as Uint8Array, (byte) => String.fromCharCode(byte)).join("");
  if (isPpk(latin1) || latin1.includes("-----BEGIN ")) return latin1;
  throw new SshError("file-malformed", "the file is not valid UTF-8; it may be DER or damaged");
}

/** Finds the only private key in a PEM file. Throws `file-malformed`, or `key-unsupported` for a known format that is not PEM. */
export function findPrivateKey(text: string): PemBlock {
  const blocks = parsePem(text).filter(({ label }) => label.endsWith("PRIVATE KEY"));
  const [block] = blocks;
  if (block === undefined) throw notAPrivateKey(text);
  if (blocks.length > 1)
    throw new SshError("file-malformed", `line ${blocks[1]!.line}: second private key; a file may contain only one`);
  return block;
}

/** Reads the key of an unencrypted block. Returns `undefined` if it is encrypted. Throws `key-unsupported` for an unknown label. */
export function openPlainBlock(
  { label, headers, body }: PemBlock,
  make: MakeKey,
  limits: KeyFileLimits,
): PlainKeyFile | undefined {
  const makeKey: MakeKey = (values) => make(values, limits);
  switch (label) {
    case "OPENSSH PRIVATE KEY": {
      const container = readOpensshContainer(body, limits);
      if (container.encryption !== undefined) return undefined;
      return { encrypted: false, format: "openssh", ...readPrivateSection(container, container.privateKeys, makeKey) };
    }
    case "PRIVATE KEY":
      return plain("pkcs8", readPkcs8(body, makeKey));
    case "ENCRYPTED PRIVATE KEY":
      return undefined;
    case "RSA PRIVATE KEY":
      return headers.size > 0 ? undefined : plain("pem", readPkcs1(body, makeKey));
    case "EC PRIVATE KEY":
      return headers.size > 0 ? undefined : plain("pem", readSec1(body, makeKey));
    case "DSA PRIVATE KEY":
      throw unsupportedKey("ssh-dss");
    default:
      throw unsupportedKey(label);
  }
}

function plain(format: PrivateKeyFormat, privateKey: PrivateKey): PlainKeyFile {
  return { encrypted: false, format, privateKey, comment: "" };
}

function notAPrivateKey(text: string): SshError {
  const first = text.trimStart().split("\n", 1)[0]!.trimEnd();
  if (isPpk(first)) return unsupportedKey("PPK");
  if (first.startsWith("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY")) return unsupportedKey("SSH.COM");
  if (first.startsWith("SSH PRIVATE KEY FILE FORMAT 1.")) return unsupportedKey("SSH-1 RSA");
  if (first === "") return new SshError("file-malformed", "the file is empty");
  if (/^(ssh|ecdsa|sk)-[^ ]+ AAAA/.test(first) || /PUBLIC KEY ?-----?$/.test(first))
    return new SshError(
      "file-malformed",
      "expected a private key, got a public key; use the file of the same name without `.pub`",
    );
  // Do not quote the text: it may be another kind of secret.
  return new SshError(
    "file-malformed",
    'the file contains no private key; expected a line "-----BEGIN … PRIVATE KEY-----"',
  );
}
