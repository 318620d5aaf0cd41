import { readFile } from "node:fs/promises";
import { openPrivateKey, parsePublicKeyFile, parsePublicKeyLine, randomart } from "@nacre/keyfiles";
import { fingerprint, type PublicKey } from "@nacre/keys";
import { expandHome } from "@nacre/node";
import { equalBytes, escapeText, SshError, utf8DecodeLossy } from "@nacre/wire";
import type { KeygenArguments } from "./keygen-arguments.ts";

interface ListedKey {
  readonly publicKey: PublicKey;
  readonly comment: string;
}

/** The fingerprints of the keys in a file, a line each, with their pictures if wanted: as `ssh-keygen -l` prints them. */
export async function listKeys({
  file,
  picture,
  hash,
}: Pick<Extract<KeygenArguments, { action: "list" }>, "file" | "picture" | "hash">): Promise<string> {
  const keys = await readKeys(expandHome(file));
  return keys
    .map(({ publicKey, comment }) => {
      const line = `${keyLine(publicKey, comment, hash)}\n`;
      return picture ? `${line}${randomart(publicKey.blob, hash)}\n` : line;
    })
    .join("");
}

/** `256 SHA256:… comment (ED25519)` */
export function keyLine({ blob, bits, format }: PublicKey, comment: string, hash: "sha256" | "md5"): string {
  const kind =
    format === "ssh-rsa" ? "RSA" : format.startsWith("ecdsa-") ? "ECDSA" : format.slice("ssh-".length).toUpperCase();
  return `${bits} ${fingerprint(blob, hash)} ${comment === "" ? "no comment" : escapeText(comment)} (${kind})`;
}

async function readKeys(file: string): Promise<ListedKey[]> {
  const text = utf8DecodeLossy(await read(file));
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) return [await readPrivate(file, text)];
  if (text.includes("---- BEGIN SSH2 PUBLIC KEY ----")) return [parsePublicKeyFile(text)];

  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.trimStart().startsWith("#"));
  const keys = lines.flatMap((line) => readLine(line) ?? []);
  if (keys.length === 0) throw new SshError("file-malformed", `${escapeText(file)}: there is no key in it`);
  return keys;
}

/** A key behind whatever stands before it: the options of authorized_keys, the names of known_hosts. */
function readLine(line: string): ListedKey | undefined {
  const words = line.trim().split(/[ \t]+/);
  for (const index of words.keys()) {
    try {
      const { publicKey, comment } = parsePublicKeyLine(words.slice(index).join(" "));
      return { publicKey, comment: comment === "" ? words.slice(0, index).join(" ") : comment };
    } catch (error) {
      // What names no key here may do so one word later; a key that is no good does not become better.
      if (!(error instanceof SshError) || error.code !== "file-malformed") throw error;
    }
  }
  return undefined;
}

/** The public half, which OpenSSH's format tells without the passphrase, or else the file beside it. */
async function readPrivate(file: string, text: string): Promise<ListedKey> {
  const opened = openPrivateKey(text);
  const beside = await readBeside(`${file}.pub`);
  const own = opened.encrypted
    ? { publicKey: opened.publicKey, comment: "" }
    : { publicKey: opened.privateKey.publicKey, comment: opened.comment };
  const publicKey = own.publicKey ?? beside?.publicKey;
  if (publicKey === undefined)
    throw new SshError(
      "passphrase-needed",
      `${escapeText(file)} is encrypted as a whole, and there is no ${escapeText(file)}.pub`,
    );
  const isSame = beside !== undefined && equalBytes(beside.publicKey.blob, publicKey.blob);
  return { publicKey, comment: isSame && beside.comment !== "" ? beside.comment : own.comment };
}

async function readBeside(file: string): Promise<ListedKey | undefined> {
  try {
    return parsePublicKeyFile(await readFile(file, "utf8"));
  } catch {
    return undefined;
  }
}

async function read(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "there is no such file" : `it cannot be read: ${escapeText(message)}`;
    throw new SshError("file-unreadable", `${escapeText(file)}: ${reason}`, { cause });
  }
}
