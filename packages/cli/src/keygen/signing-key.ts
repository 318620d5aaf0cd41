import { readFile, stat } from "node:fs/promises";
import type { PrivateKey, PublicKey } from "@nacre/keys";
import { agentIdentities, expandHome, privateKey } from "@nacre/node";
import { equalBytes, escapeText, SshError } from "@nacre/wire";
import type { RemoteIdentity } from "nacre/extend";
import { openTerminal } from "../terminal/terminal.ts";
import { KeygenFailure, reasonOf } from "./keygen-system.ts";
import { readKeys } from "./list-keys.ts";

/** How the key is found. */
export interface SigningKeyOptions {
  /** Passphrase of the key file; asked for if it is needed and absent. */
  readonly passphrase: string | undefined;
  /** Whether the key must be in the agent. */
  readonly inAgent: boolean;
}

/**
 * Returns the key that a file names, as ssh-keygen finds it: in the agent if it is there, else in the file. The file may be a public key
 * with its private key beside it.
 */
export async function signingKey(
  path: string,
  { passphrase, inAgent }: SigningKeyOptions,
): Promise<PrivateKey | RemoteIdentity> {
  const shown = escapeText(path);
  const file = expandHome(path);
  let publicKey: PublicKey | undefined;
  try {
    publicKey = (await readKeys(file))[0]!.publicKey;
  } catch (cause) {
    if (!(cause instanceof SshError) || cause.code !== "passphrase-needed")
      throw new KeygenFailure(`Couldn't load public key ${shown}: ${reasonOf(cause)}`);
  }
  const inAgents = publicKey === undefined ? undefined : await keyInAgent(publicKey);
  if (inAgents !== undefined) return inAgents;
  if (inAgent) throw new KeygenFailure(`Couldn't find key ${shown} in agent`);

  const privateFile = file.replace(/\.pub$/, "");
  try {
    const { mode, uid } = await stat(privateFile);
    if (uid === process.getuid?.() && (mode & 0o077) !== 0)
      throw new KeygenFailure(
        `${escapeText(privateFile)}: other users can read or write the private key; run \`chmod 600\` on it`,
      );
    return await unlocked(privateFile, await readFile(privateFile, "utf8"), passphrase);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    throw new KeygenFailure(`No private key found for public key "${shown}"`);
  }
}

/** Returns a key of the agent; `undefined` if it is not there, or no agent. */
async function keyInAgent({ blob }: PublicKey): Promise<RemoteIdentity | undefined> {
  const path = process.env["SSH_AUTH_SOCK"];
  if (path === undefined || path === "") return undefined;
  const identities = await agentIdentities(path).catch(() => []);
  return identities.find(({ publicKey }) => equalBytes(publicKey.blob, blob));
}

async function unlocked(file: string, text: string, passphrase: string | undefined): Promise<PrivateKey> {
  const failure = (reason: string): KeygenFailure => new KeygenFailure(`Load key "${escapeText(file)}": ${reason}`);
  try {
    return await privateKey(text, { passphrase });
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    if (error.code === "passphrase-wrong") throw failure("incorrect passphrase supplied to decrypt private key");
    if (error.code !== "passphrase-needed" || passphrase !== undefined) throw failure(error.message);
  }
  const terminal = openTerminal();
  if (terminal === undefined) throw failure("no terminal to ask for the passphrase; give it with -P");
  try {
    return await unlocked(
      file,
      text,
      await terminal.ask(`Enter passphrase for ${escapeText(file)}: `, { echo: false }),
    );
  } finally {
    terminal.close();
  }
}
