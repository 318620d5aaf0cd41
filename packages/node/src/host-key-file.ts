import { link, mkdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parsePublicKeyFile } from "@nacre/keyfiles/parts";
import type { PrivateKey } from "@nacre/keys/parts";
import { escapeText, SshError, toHex, utf8DecodeLossy } from "@nacre/wire";
import { type CryptoChoice, nodePrivateKey } from "./crypto/private-key.ts";
import { expandHome, inFile, isFileText, readIfThere } from "./files.ts";
import { openKeyFile } from "./key-file.ts";
import { nodeRandom } from "./random.ts";
import { inSlices } from "./slices.ts";

/**
 * The host key in a file; where there is none, an Ed25519 key is made and kept there, its public half beside it (`.pub`). A leading
 * `~/` is the user's home folder. It signs with node:crypto, unless the portable code is chosen. Rejects with `file-unreadable`, also
 * for a file of ours that others may read, `usage` for a public key and for what is no path, `passphrase-needed` for an encrypted one, or
 * what `openPrivateKey` throws.
 */
export async function hostKeyFile(
  path: string,
  { crypto }: { readonly crypto?: CryptoChoice } = {},
): Promise<PrivateKey> {
  if (typeof path !== "string" || isFileText(path))
    throw new SshError(
      "usage",
      "hostKeyFile takes the path of a key file: for the text of a key use await privateKey(text)",
    );
  const file = expandHome(path);
  const bytes = (await readIfThere(file)) ?? (await make(file));
  try {
    // Before its mode is looked at: everybody may read a public key.
    mustNotBePublic(bytes);
    await mustBePrivate(file);
    const opened = await openKeyFile(bytes, crypto);
    if (!opened.encrypted) return opened.privateKey;
    throw new SshError("passphrase-needed", "a host key must not be encrypted: a server starts without anybody to ask");
  } catch (cause) {
    throw inFile(path, cause);
  }
}

function mustNotBePublic(bytes: Uint8Array | string): void {
  try {
    parsePublicKeyFile(typeof bytes === "string" ? bytes : utf8DecodeLossy(bytes));
  } catch {
    return;
  }
  throw new SshError(
    "usage",
    "this is a public key, and a host key is a private one: name the file beside it, without .pub",
  );
}

/** A key that others could read is theirs as well. A file of another user's is that one's affair: both as sshd has it. */
async function mustBePrivate(file: string): Promise<void> {
  const { uid, mode } = await stat(file);
  if (uid === process.getuid?.() && (mode & 0o077) !== 0)
    throw new SshError("file-unreadable", "others may read or write this private key (chmod go=)");
}

async function make(file: string): Promise<string | Uint8Array> {
  const { formatPrivateKey, formatPublicKeyLine } = await import("@nacre/keyfiles");
  const key = nodePrivateKey({ format: "ssh-ed25519", seed: nodeRandom(32) });
  const text = await inSlices(formatPrivateKey(key, { format: "openssh", random: nodeRandom }));
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await createWhole(file, text);
    await writeFile(`${file}.pub`, `${formatPublicKeyLine(key.publicKey)}\n`, { mode: 0o644 });
  } catch (cause) {
    const made = (cause as NodeJS.ErrnoException).code === "EEXIST" ? await readIfThere(file) : undefined;
    if (made !== undefined) return made;
    throw new SshError(
      "file-unreadable",
      `${escapeText(file)}: the host key cannot be written: ${escapeText(String(cause))}`,
      {
        cause,
      },
    );
  }
  return text;
}

/**
 * Creates a file that only its owner may read. It appears under its name with all of its text: a server that starts at the same time reads the
 * whole key. Rejects with `EEXIST`, and changes nothing, when there is such a file.
 */
async function createWhole(file: string, text: string | Uint8Array): Promise<void> {
  const options = { mode: 0o600, flag: "wx" };
  const fresh = `${file}.${toHex(nodeRandom(8))}`;
  await writeFile(fresh, text, options);
  try {
    await link(fresh, file);
  } catch (cause) {
    // A file system without hard links.
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") throw cause;
    await writeFile(file, text, options);
  } finally {
    await rm(fresh, { force: true });
  }
}
