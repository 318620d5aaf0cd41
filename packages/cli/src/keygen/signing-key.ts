import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { type Certificate, certifiedPrivateKey, isCertified, type PrivateKey, parseCertificate } from "@nacre/keys";
import { agentIdentities, expandHome, privateKey } from "@nacre/node";
import { showPath } from "@nacre/node/extend";
import { equalBytes, SshError } from "@nacre/wire";
import type { RemoteIdentity } from "nacre/extend";
import { askPassphrase } from "./key-files.ts";
import { KeygenFailure, readOrFail, reasonOf } from "./keygen-system.ts";
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
  const shown = showPath(path);
  const file = expandHome(path);
  let blob: Uint8Array | undefined;
  let certificate: Certificate | undefined;
  try {
    const { publicKey } = (await readKeys(file))[0]!;
    blob = publicKey.blob;
    if (isCertified(publicKey.format)) certificate = parseCertificate(blob);
  } catch (cause) {
    if (!(cause instanceof SshError) || cause.code !== "passphrase-needed")
      throw new KeygenFailure(`Couldn't load public key ${shown}: ${reasonOf(cause)}`);
  }
  const inAgents = blob === undefined ? undefined : await keyInAgent(blob, certificate);
  if (inAgents !== undefined) return inAgents;
  if (inAgent) throw new KeygenFailure(`Couldn't find key ${shown} in agent`);

  const privateFile = file.replace(/(?:-cert)?\.pub$/, "");
  if (!existsSync(privateFile)) throw new KeygenFailure(`No private key found for public key "${shown}"`);
  const key = await privateKeyInFile(privateFile, passphrase);
  try {
    return certificate === undefined ? key : certifiedPrivateKey(key, certificate);
  } catch {
    throw new KeygenFailure(`Public key ${shown} doesn't match private ${showPath(privateFile)}`);
  }
}

/** Returns a key of the agent, or for a certificate also that of the key in it; `undefined` if it is not there, or no agent. */
async function keyInAgent(blob: Uint8Array, certificate: Certificate | undefined): Promise<RemoteIdentity | undefined> {
  const path = process.env["SSH_AUTH_SOCK"];
  if (path === undefined || path === "") return undefined;
  const identities = await agentIdentities(path).catch(() => []);
  const find = (wanted: Uint8Array): RemoteIdentity | undefined =>
    identities.find(({ publicKey }) => equalBytes(publicKey.blob, wanted));
  const plain = certificate && find(certificate.publicKey.blob);
  if (plain === undefined) return find(blob);
  return certifiedPrivateKey(plain, certificate!);
}

/** Returns the key of a file that no other user can read. Asks for the passphrase of an encrypted one if none is given. */
export async function privateKeyInFile(file: string, passphrase: string | undefined): Promise<PrivateKey> {
  const shown = showPath(file);
  const bytes = await readOrFail(file, (reason) => `Load key "${shown}": ${reason}`);
  const { mode, uid } = await stat(file);
  if (uid === process.getuid?.() && (mode & 0o077) !== 0)
    throw new KeygenFailure(`${shown}: other users can read or write the private key; run \`chmod 600\` on it`);
  return unlocked(file, bytes, passphrase);
}

async function unlocked(file: string, bytes: Uint8Array, passphrase: string | undefined): Promise<PrivateKey> {
  const failure = (reason: string): KeygenFailure => new KeygenFailure(`Load key "${showPath(file)}": ${reason}`);
  try {
    return await privateKey(bytes, { passphrase });
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    if (error.code === "passphrase-wrong") throw failure("incorrect passphrase supplied to decrypt private key");
    if (error.code !== "passphrase-needed" || passphrase !== undefined) throw failure(error.message);
  }
  const asked = await askPassphrase(`Enter passphrase for ${showPath(file)}: `);
  if (asked === undefined) throw failure("no terminal to ask for the passphrase; give it with -P");
  return unlocked(file, bytes, asked);
}
