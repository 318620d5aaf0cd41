import type { PrivateKey } from "@nacre/keys/internal";
import { completeLimits, type Overrides, SshError, utf8Decode } from "@nacre/wire";
import { readPkcs1, readPkcs8, readSec1 } from "./key-der.ts";
import { KEY_FILE_LIMITS, type KeyFileLimits } from "./limits.ts";
import { readOpensshContainer, readPrivateSection } from "./openssh-container.ts";
import { type PemBlock, parsePem } from "./pem.ts";
import type { KeyMaker, PlainKeyFile, PrivateKeyFormat } from "./private-key-file.ts";
import { unsupportedKey } from "./unsupported.ts";

/** As `openPrivateKey`, for a file that is not encrypted: takes nothing but a way to make its key. `undefined` for one that is. */
export function openPlainPrivateKey(
  text: string | Uint8Array,
  makeKey: KeyMaker,
  limits?: Overrides<KeyFileLimits>,
): PlainKeyFile | undefined {
  return openPlainBlock(findPrivateKey(text, completeLimits(KEY_FILE_LIMITS, limits)), makeKey);
}

/** Finds the one private key of a file. Throws `file-malformed`, or `key-unsupported` if the text is not PEM. */
export function findPrivateKey(text: string | Uint8Array, { maxFileSize }: KeyFileLimits): PemBlock {
  // rule: key-file-size
  if (text.length > maxFileSize)
    throw new SshError(
      "file-malformed",
      `the file has ${text.length} bytes, a private key at most ${maxFileSize} (maxFileSize)`,
    );
  const string = typeof text === "string" ? text : utf8Decode(text);
  if (string === undefined)
    throw new SshError("file-malformed", "the file is no text, as a private key is; it may be DER or a damaged file");

  const blocks = parsePem(string).filter(({ label }) => label.endsWith("PRIVATE KEY"));
  const [block] = blocks;
  if (block === undefined) throw notAPrivateKey(string);
  if (blocks.length > 1)
    throw new SshError("file-malformed", `line ${blocks[1]!.line}: a second private key begins; a file may hold one`);
  return block;
}

/** The key of a block that is not encrypted, `undefined` for one that is. Throws `key-unsupported` for what is neither. */
export function openPlainBlock({ label, headers, body }: PemBlock, makeKey: KeyMaker): PlainKeyFile | undefined {
  switch (label) {
    case "OPENSSH PRIVATE KEY": {
      const { encryption, privateKeys, publicKey } = readOpensshContainer(body);
      if (encryption !== undefined) return undefined;
      return { encrypted: false, format: "openssh", ...readPrivateSection(privateKeys, publicKey, makeKey) };
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
  if (first.startsWith("PuTTY-User-Key-File-")) return unsupportedKey("PuTTY PPK");
  if (first.startsWith("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY")) return unsupportedKey("SSH.COM");
  if (first.startsWith("SSH PRIVATE KEY FILE FORMAT 1.")) return unsupportedKey("SSH-1 RSA");
  if (first === "") return new SshError("file-malformed", "the file is empty");
  if (/^(ssh|ecdsa|sk)-[^ ]+ AAAA/.test(first) || /PUBLIC KEY ?-----?$/.test(first))
    return new SshError(
      "file-malformed",
      "the file holds a public key; the private one is usually beside it, without .pub",
    );
  // Its text is not shown: it may be a secret of another kind.
  return new SshError("file-malformed", 'the file holds no private key: no line says "-----BEGIN … PRIVATE KEY-----"');
}
