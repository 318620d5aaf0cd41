import { realpath } from "node:fs/promises";
import { formatPublicKeyLine } from "@nacre/keyfiles";
import { expandHome } from "@nacre/node";
import { escapeText } from "@nacre/wire";
import { usage } from "../options.ts";
import { openTerminal } from "../terminal/terminal.ts";
import type { KeyFileArguments, PrivateFormat } from "./key-file-arguments.ts";
import { askNewPassphrase, type LoadedKey, loadPrivateKey, privateKeyText, replaceFiles } from "./key-files.ts";

type Arguments<A extends KeyFileArguments["action"]> = Extract<KeyFileArguments, { action: A }>;

/** Runs `-p`: writes a private key again, with another passphrase or format. */
export async function changePassphrase(parsed: Arguments<"change-passphrase">): Promise<void> {
  const file = await existing(parsed.file);
  const loaded = await loadPrivateKey(file, parsed.passphrase, "Enter old passphrase: ");
  if (hasComment(loaded)) process.stdout.write(`Key has comment '${escapeText(loaded.comment)}'\n`);
  const passphrase = parsed.newPassphrase ?? (await askNewPassphrase(NEW_PASSPHRASE));
  const format = parsed.format ?? keptFormat(loaded);
  const { rounds, cipher } = parsed;
  const { privateKey, comment } = loaded;
  const text = await privateKeyText(privateKey, { format, passphrase, comment, rounds, cipher });
  await replaceFiles([{ path: file, text, mode: 0o600 }]);
  process.stdout.write("Your identification has been saved with the new passphrase.\n");
}

const NEW_PASSPHRASE = ["Enter new passphrase (empty for no passphrase): ", "Enter same passphrase again: "] as const;

/** Runs `-c`: changes the comment in a private key and in the `.pub` file beside it. */
export async function changeComment(parsed: Arguments<"change-comment">): Promise<void> {
  const file = await existing(parsed.file);
  const loaded = await loadPrivateKey(file, parsed.passphrase, "Enter passphrase: ");
  const { privateKey, passphrase, comment: old } = loaded;
  process.stdout.write(hasComment(loaded) ? `Old comment: ${escapeText(old)}\n` : "No existing comment\n");
  const comment = parsed.comment ?? (await newComment());
  if (hasComment(loaded) && comment === old) return void process.stdout.write("No change to comment\n");
  if (/[\r\n\0]/.test(comment)) throw usage("the comment must be a single line");
  const { rounds, cipher } = parsed;
  const format = keptFormat(loaded);
  const text = await privateKeyText(privateKey, { format, passphrase, comment, rounds, cipher });
  const line = `${formatPublicKeyLine(privateKey.publicKey)} ${comment}\n`;
  await replaceFiles([
    { path: file, text, mode: 0o600 },
    // ssh looks for it beside the link to a key, if there is one.
    { path: await existing(`${parsed.file}.pub`), text: line, mode: 0o644 },
  ]);
  process.stdout.write(comment === "" ? "Comment removed\n" : `Comment '${escapeText(comment)}' applied\n`);
}

async function newComment(): Promise<string> {
  const terminal = openTerminal();
  if (terminal === undefined) throw usage("no terminal to ask for the comment; give it with -C");
  try {
    return await terminal.ask("New comment: ", { echo: true });
  } finally {
    terminal.close();
  }
}

/** Returns the path of a file without symbolic links, so that the file is replaced and not a link to it. */
async function existing(file: string): Promise<string> {
  const path = expandHome(file);
  return realpath(path).catch(() => path);
}

/** Whether the format of the file can hold a comment. */
function hasComment({ format }: LoadedKey): boolean {
  return format === "openssh" || format === "ppk";
}

/** Returns the format of a changed file: ssh-keygen converts all to OpenSSH's, but does not know PuTTY's. */
function keptFormat({ format }: LoadedKey): PrivateFormat {
  return format === "ppk" ? "ppk" : "openssh";
}
