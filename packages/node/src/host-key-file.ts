import { link, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parsePublicKeyFile } from "@nacre/keyfiles/internal";
import type { PrivateKey } from "@nacre/keys/internal";
import { escapeText, SshError, toHex, utf8DecodeLossy } from "@nacre/wire";
import { inSlices } from "nacre/internal";
import { type CryptoChoice, nodePrivateKey } from "./crypto/private-key.ts";
import { expandHome, inFile, isFileText } from "./files.ts";
import { assertPrivate, openKeyFile } from "./key-file.ts";
import { readOwned } from "./owned-file.ts";
import { nodeRandom } from "./random.ts";

/**
 * Reads the host key in a file. Where there is no file, makes an Ed25519 key and keeps it there, with its public half beside it (`.pub`).
 * A leading `~/` is the account's home folder. The key signs with node:crypto, unless the portable code is chosen. Rejects with
 * `file-unreadable`, also for a file that others than the account and root can read, write or replace; `usage` for a public key and for
 * anything but a path; `passphrase-needed` for an encrypted key; or with what `openPrivateKey` throws.
 */
export async function hostKeyFile(
  path: string,
  { crypto }: { readonly crypto?: CryptoChoice | undefined } = {},
): Promise<PrivateKey> {
  if (typeof path !== "string" || isFileText(path))
    throw new SshError(
      "usage",
      "hostKeyFile takes the path of a key file: for the text of a key use await privateKey(text)",
    );
  const file = expandHome(path);
  try {
    const bytes = await readOrMake(file);
    // Before the mode is checked: everybody may read a public key.
    mustNotBePublic(bytes);
    await assertPrivate(file);
    const opened = await openKeyFile(bytes, crypto);
    // rule: host-key-unencrypted
    if (!opened.encrypted) return opened.privateKey;
    throw new SshError("passphrase-needed", "a host key must not be encrypted: a server starts without anybody to ask");
  } catch (cause) {
    throw inFile(path, cause);
  }
}

async function readOrMake(file: string): Promise<Uint8Array> {
  const found = await readOwned(file);
  if (found !== undefined) return found.bytes;
  await make(file);
  const made = await readOwned(file);
  if (made === undefined) throw new SshError("file-unreadable", "it was made, and removed at once by somebody else");
  return made.bytes;
}

function mustNotBePublic(bytes: Uint8Array): void {
  try {
    parsePublicKeyFile(utf8DecodeLossy(bytes));
  } catch {
    return;
  }
  throw new SshError(
    "usage",
    "this is a public key, and a host key is a private one: name the file beside it, without .pub",
  );
}

/** Makes a key, unless another process does so at the same time: then its key stays. */
async function make(file: string): Promise<void> {
  const { formatPrivateKey, formatPublicKeyLine } = await import("@nacre/keyfiles");
  const key = nodePrivateKey({ format: "ssh-ed25519", seed: nodeRandom(32) });
  const text = await inSlices(formatPrivateKey(key, { format: "openssh", random: nodeRandom }));
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await createWhole(file, text);
    await writeFile(`${file}.pub`, `${formatPublicKeyLine(key.publicKey)}\n`, { mode: 0o644 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return;
    throw new SshError("file-unreadable", `the host key cannot be written: ${escapeText(String(cause))}`, { cause });
  }
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
