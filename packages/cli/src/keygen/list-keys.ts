import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { openPrivateKey, parsePublicKeyFile, parsePublicKeyLine, publicKeyInside, randomart } from "@nacre/keyfiles";
import { fingerprint, keyLabel, type PublicKey } from "@nacre/keys";
import { certifiedKeyBlob, defaultKeyFormats, type KeyBounds, RSA_BITS } from "@nacre/keys/internal";
import { expandHome } from "@nacre/node";
import { showPath } from "@nacre/node/extend";
import { equalBytes, escapeText, SshError, utf8DecodeLossy } from "@nacre/wire";
import type { KeygenArguments } from "./keygen-arguments.ts";

export interface ListedKey {
  readonly publicKey: PublicKey;
  readonly comment: string;
}

/** Bounds of keys that are shown or revoked, but not used: those of ssh-keygen. */
export const SHOWN_KEYS: KeyBounds = { minRsaBits: RSA_BITS.least };

/**
 * Returns one line per key in a file, with its fingerprint and optionally its randomart, in the format of `ssh-keygen -l`. The file `-` is
 * standard input.
 */
export async function listKeys({
  file,
  picture,
  hash,
}: Pick<Extract<KeygenArguments, { action: "list" }>, "file" | "picture" | "hash">): Promise<string> {
  const keys = file === "-" ? await keysIn("(stdin)", await buffer(process.stdin)) : await readKeys(expandHome(file));
  return keys
    .map(({ publicKey, comment }) => {
      const line = `${keyLine(publicKey, comment, hash)}\n`;
      return picture ? `${line}${randomart(publicKey.blob, hash)}\n` : line;
    })
    .join("");
}

/** Formats a key like `256 SHA256:… comment (ED25519)`. */
export function keyLine(key: PublicKey, comment: string, hash: "sha256" | "md5"): string {
  const shown = comment === "" ? "no comment" : escapeText(comment);
  return `${key.bits} ${fingerprint(certifiedKeyBlob(key.blob, defaultKeyFormats), hash)} ${shown} (${keyLabel(key.format)})`;
}

/**
 * Returns the keys in a file of any kind. Like ssh-keygen, skips lines with a key that cannot be used if another line has one. Rejects with
 * `file-unreadable`, `file-malformed` or the errors of a key.
 */
export async function readKeys(file: string): Promise<ListedKey[]> {
  return keysIn(file, await read(file));
}

async function keysIn(file: string, bytes: Uint8Array): Promise<ListedKey[]> {
  const text = utf8DecodeLossy(bytes);
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----|^\s*PuTTY-User-Key-File-/.test(text)) return [await readPrivate(file, bytes)];
  if (text.includes("---- BEGIN SSH2 PUBLIC KEY ----")) return [parsePublicKeyFile(text, SHOWN_KEYS)];

  const keys: ListedKey[] = [];
  let problem = new SshError("file-malformed", `no key found in ${showPath(file)}`);
  for (const line of text.split("\n")) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    try {
      keys.push(...readLine(line));
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      problem = error;
    }
  }
  if (keys.length === 0) throw problem;
  return keys;
}

/** Finds the key in a line, after any options (authorized_keys) or host names (known_hosts). */
function readLine(line: string): readonly ListedKey[] {
  const words = line.trim().split(/[ \t]+/);
  for (const index of words.keys()) {
    try {
      const { publicKey, comment } = parsePublicKeyLine(words.slice(index).join(" "), SHOWN_KEYS);
      return [{ publicKey, comment: comment === "" ? words.slice(0, index).join(" ") : comment }];
    } catch (error) {
      // Malformed: the key may start at the next word. Other errors mean that this is a key, but unusable.
      if (!(error instanceof SshError) || error.code !== "file-malformed") throw error;
    }
  }
  return [];
}

/** Returns the public key of a private key file, read from the file itself if possible without a passphrase, else from FILE.pub. */
async function readPrivate(file: string, bytes: Uint8Array): Promise<ListedKey> {
  const beside = await readBeside(`${file}.pub`);
  const own = readOwn(bytes);
  const publicKey = own.publicKey ?? beside?.publicKey;
  if (publicKey === undefined)
    throw new SshError(
      "passphrase-needed",
      `cannot read the public key of ${showPath(file)}: the private key is encrypted, and ${showPath(file)}.pub is missing`,
    );
  const isSame = beside !== undefined && equalBytes(beside.publicKey.blob, publicKey.blob);
  return { publicKey, comment: isSame && beside.comment !== "" ? beside.comment : own.comment };
}

function readOwn(bytes: Uint8Array): { readonly publicKey: PublicKey | undefined; readonly comment: string } {
  try {
    const opened = openPrivateKey(bytes, SHOWN_KEYS);
    return opened.encrypted
      ? { publicKey: opened.publicKey, comment: "" }
      : { publicKey: opened.privateKey.publicKey, comment: opened.comment };
  } catch (error) {
    // That of a security key has no private key to open.
    const publicKey =
      error instanceof SshError && error.code === "key-unsupported" ? publicKeyInside(bytes) : undefined;
    if (publicKey === undefined) throw error;
    return { publicKey, comment: "" };
  }
}

async function readBeside(file: string): Promise<ListedKey | undefined> {
  try {
    return parsePublicKeyFile(await readFile(file, "utf8"), SHOWN_KEYS);
  } catch {
    return undefined;
  }
}

async function read(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "no such file" : showPath(message);
    throw new SshError("file-unreadable", `cannot read ${showPath(file)}: ${reason}`, { cause });
  }
}
