import { hostname } from "node:os";
import {
  formatPublicKey,
  formatPublicKeyLine,
  formatSshfp,
  parsePublicKeyFile,
  parsePublicKeyPem,
} from "@nacre/keyfiles";
import { keyLabel, type PublicKey } from "@nacre/keys";
import { account, expandHome } from "@nacre/node";
import { systemFile } from "@nacre/node/extend";
import { base64Decode, SshError, utf8DecodeLossy } from "@nacre/wire";
import type { KeyFileArguments } from "./key-file-arguments.ts";
import { inFile, loadPrivateKey, loadPublicKey, readKeyFile } from "./key-files.ts";

type Arguments<A extends KeyFileArguments["action"]> = Extract<KeyFileArguments, { action: A }>;

const PROMPT = "Enter passphrase: ";
/** Files of the host keys of OpenSSH's server, in the order of ssh-keygen. */
const HOST_KEYS = ["rsa", "ecdsa", "ed25519"].map((type) => `ssh_host_${type}_key.pub`);

/** Returns what `-e` prints: the public key for other programs. */
export async function exportKey({ file, format, passphrase }: Arguments<"export">): Promise<string> {
  const { publicKey } = await loadPublicKey(expandHome(file), passphrase, PROMPT);
  return formatPublicKey(publicKey, { format, comment: format === "rfc4716" ? commentOf(publicKey) : undefined });
}

/** Returns ssh-keygen's comment, which must fit a line of RFC 4716. */
function commentOf({ bits, format }: PublicKey): string {
  const comment = `${bits}-bit ${keyLabel(format)}, converted by ${account().username}@${hostname()} from OpenSSH`;
  return Buffer.from(comment).subarray(0, 60).toString();
}

/** Returns what `-i` prints: the public key of another program as a line. */
export async function importKey({ file, format }: Arguments<"import">): Promise<string> {
  const path = expandHome(file);
  const text = utf8DecodeLossy(await readKeyFile(path));
  const publicKey = await inFile(path, async () =>
    format === "rfc4716" ? parsePublicKeyFile(text).publicKey : parsePublicKeyPem(text),
  );
  return `${formatPublicKeyLine(publicKey)}\n`;
}

/** Returns what `-y` prints: the public key of a private one as a line. */
export async function printPublicKey({ file, passphrase }: Arguments<"print-public">): Promise<string> {
  const { privateKey, comment } = await loadPrivateKey(expandHome(file), passphrase, PROMPT);
  return `${formatPublicKeyLine(privateKey.publicKey, comment)}\n`;
}

/** Returns what `-r` prints: SSHFP records of a key, or of the host keys of this machine. */
export async function sshfpRecords({ name, file, hashes, generic }: Arguments<"sshfp">): Promise<string> {
  const keys = file === undefined ? await hostKeys() : [await keyToPublish(expandHome(file))];
  return keys.flatMap((key) => hashes.map((hash) => `${formatSshfp(name, key, hash, { generic })}\n`)).join("");
}

type KeyToPublish = Parameters<typeof formatSshfp>[1];

/** Returns a key for a record, also one that is too short to be used. */
async function keyToPublish(path: string): Promise<KeyToPublish> {
  try {
    return (await loadPublicKey(path)).publicKey;
  } catch (error) {
    if (!(error instanceof SshError) || error.code !== "key-weak") throw error;
    const [, format, base64] = /^[ \t]*(ssh-rsa)[ \t]+(\S+)/m.exec(utf8DecodeLossy(await readKeyFile(path))) ?? [];
    const blob = base64Decode(base64 ?? "");
    if (format === undefined || blob === undefined) throw error;
    return { format, blob };
  }
}

async function hostKeys(): Promise<KeyToPublish[]> {
  const keys: KeyToPublish[] = [];
  for (const path of HOST_KEYS.flatMap((name) => systemFile(name) ?? [])) {
    try {
      keys.push(await keyToPublish(path));
    } catch (error) {
      if (!(error instanceof SshError) || error.code !== "file-unreadable") throw error;
    }
  }
  if (keys.length === 0) throw new SshError("file-unreadable", "no keys found; give a key with -f");
  return keys;
}
