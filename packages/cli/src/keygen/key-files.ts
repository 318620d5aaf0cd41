import { randomFillSync } from "node:crypto";
import { chown, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import {
  type CommentedPublicKey,
  formatPpk,
  formatPrivateKey,
  openPrivateKey,
  type PrivateKeyFile,
  parsePublicKeyFile,
  type UnlockedKey,
} from "@nacre/keyfiles";
import type { PrivateKey } from "@nacre/keys";
import { createSecretFile, showPath } from "@nacre/node/extend";
import { SshError, utf8DecodeLossy } from "@nacre/wire";
import { inSlices } from "nacre/extend";
import { usage } from "../options.ts";
import { say } from "../say.ts";
import { unwritable } from "../ssh/unwritable.ts";
import { openAsker } from "../terminal/asker.ts";
import { openTerminal } from "../terminal/terminal.ts";
import type { FileEncryption, PrivateFormat } from "./key-file-arguments.ts";

export const random = (length: number): Uint8Array => randomFillSync(new Uint8Array(length));

/** Private key from a file, and what a file that replaces it keeps. */
export interface LoadedKey extends UnlockedKey {
  readonly format: PrivateKeyFile["format"];
  /** Passphrase of the file; `""` if it is not encrypted. */
  readonly passphrase: string;
}

/**
 * Loads a private key. Asks for the passphrase of an encrypted file with `prompt` if none is given. Like ssh-keygen, rejects with
 * `file-unreadable` if other users can read or write the file.
 */
export async function loadPrivateKey(file: string, given: string | undefined, prompt: string): Promise<LoadedKey> {
  const bytes = await readKeyFile(file);
  const { uid, mode } = await stat(file);
  if (uid === process.getuid?.() && (mode & 0o077) !== 0)
    throw new SshError(
      "file-unreadable",
      `other users can read or write the private key ${showPath(file)}; run \`chmod 600\` on it`,
    );
  return inFile(file, async () => {
    const opened = openPrivateKey(bytes);
    if (!opened.encrypted) return { ...opened, passphrase: "" };
    const passphrase = await passphraseOf(given, prompt);
    return { ...(await inSlices(opened.decrypt(passphrase))), format: opened.format, passphrase };
  });
}

/**
 * Loads the public key of a file: its own, or that of a private key, or of the `.pub` file beside it. Asks for a passphrase only if there
 * is no other way, and not at all without `prompt`.
 */
export async function loadPublicKey(file: string, given?: string, prompt?: string): Promise<CommentedPublicKey> {
  const bytes = await readKeyFile(file);
  const text = utf8DecodeLossy(bytes);
  return inFile(file, async () => {
    if (!/PRIVATE KEY-----|^\s*PuTTY-User-Key-File-/.test(text)) return parsePublicKeyFile(text);
    const opened = openPrivateKey(bytes);
    if (!opened.encrypted) return { publicKey: opened.privateKey.publicKey, comment: opened.comment };
    if (opened.publicKey !== undefined) return { publicKey: opened.publicKey, comment: "" };
    const beside = await readFile(`${file}.pub`, "utf8").catch(() => undefined);
    if (beside !== undefined) return parsePublicKeyFile(beside);
    if (prompt === undefined)
      throw new SshError("passphrase-needed", "the private key is encrypted, and its .pub file is missing");
    const { privateKey, comment } = await inSlices(opened.decrypt(await passphraseOf(given, prompt)));
    return { publicKey: privateKey.publicKey, comment };
  });
}

/** Reads a key file. Rejects with `file-unreadable`. */
export async function readKeyFile(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "no such file" : showPath(message);
    throw new SshError("file-unreadable", `cannot read ${showPath(file)}: ${reason}`, { cause });
  }
}

/** Runs `read`, and names the file in its errors. */
export async function inFile<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof SshError) || cause.code === "usage") throw cause;
    throw new SshError(cause.code, `${showPath(file)}: ${cause.message}`, { cause });
  }
}

async function passphraseOf(given: string | undefined, prompt: string): Promise<string> {
  const passphrase = given ?? (await askPassphrase(prompt));
  if (passphrase === undefined) throw usage("no terminal to ask for the passphrase; give it with -P");
  return passphrase;
}

/**
 * Asks for the passphrase of a key file, at the terminal or by the program of SSH_ASKPASS. Resolves with `undefined` if neither may ask.
 */
export async function askPassphrase(prompt: string): Promise<string | undefined> {
  const asker = openAsker();
  try {
    return await asker?.ask(prompt, { echo: false });
  } finally {
    asker?.close();
  }
}

/**
 * Asks for a new passphrase at the terminal until both entries match. The program of SSH_ASKPASS is not used: if it fails, its answer is
 * empty, and the key would not be encrypted. Throws `usage` if there is no terminal.
 */
export async function askNewPassphrase(prompts: readonly [first: string, again: string]): Promise<string> {
  const terminal = openTerminal();
  if (terminal === undefined) throw usage("no terminal to ask for a passphrase; give it with -N (-N '' for none)");
  try {
    for (;;) {
      const passphrase = await terminal.ask(prompts[0], { echo: false });
      if ((await terminal.ask(prompts[1], { echo: false })) === passphrase) return passphrase;
      terminal.show("The passphrases do not match.\n");
    }
  } finally {
    terminal.close();
  }
}

/** Content of a new private key file, besides the key. */
interface NewKeyFile extends Partial<FileEncryption> {
  readonly format: PrivateFormat;
  /** `""`: not encrypted. */
  readonly passphrase: string;
  readonly comment: string;
}

/** Returns the text of a private key file. Like ssh-keygen, writes what a format cannot hold, an Ed25519 key in PEM, in OpenSSH's. */
export async function privateKeyText(
  key: PrivateKey,
  { format: wanted, passphrase, comment, rounds, cipher }: NewKeyFile,
): Promise<string> {
  if (wanted === "ppk") return inSlices(formatPpk(key, { passphrase, comment, random }));
  const format = wanted === "pem" && key.publicKey.format === "ssh-ed25519" ? "openssh" : wanted;
  if (format === "openssh")
    return inSlices(formatPrivateKey(key, { format, passphrase, comment, rounds, cipher, random }));
  if (passphrase !== "" && passphrase.length < 5) throw usage("passphrase is too short (minimum five characters)");
  return inSlices(formatPrivateKey(key, { format, passphrase, random }));
}

/** A file to write, and its mode. */
export interface NewFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/**
 * Writes files and renames them into place. If one cannot be written, as on a full disk, earlier files of these names stay as they were.
 * A replaced file keeps its owner.
 */
export async function replaceFiles(files: readonly NewFile[]): Promise<void> {
  const suffix = `.${process.pid}.new`;
  try {
    await mkdir(dirname(files[0]!.path), { recursive: true, mode: 0o700 });
    for (const { path, text, mode } of files) {
      if (mode === 0o600) await writeSecret(path + suffix, text);
      else await writeFile(path + suffix, text, { mode, flag: "wx" });
      const old = await stat(path).catch(() => undefined);
      if (old !== undefined && old.uid !== process.getuid?.()) await chown(path + suffix, old.uid, old.gid);
    }
    for (const { path } of files) await rename(path + suffix, path);
  } catch (cause) {
    for (const { path } of files) await rm(path + suffix, { force: true }).catch(() => {});
    throw unwritable("the key", cause);
  }
}

async function writeSecret(path: string, text: string): Promise<void> {
  const problem = await createSecretFile(path, text);
  if (problem !== undefined) say(`nacre: other accounts may be able to read the private key: ${problem}`);
}
