import { type EncryptedKeyFile, parsePublicKeyFile } from "@nacre/keyfiles/internal";
import type { PrivateKey, PublicKey } from "@nacre/keys/internal";
import { equalBytes, escapeText, SshError, utf8DecodeLossy } from "@nacre/wire";
import { checkKey, type RemoteIdentity } from "nacre/internal";
import { agentIdentities } from "./agent.ts";
import type { CryptoChoice } from "./crypto/private-key.ts";
import { expandHome, inFile, isFileText, readIfThere } from "./files.ts";
import { assertPrivate, decryptKey, openKeyFile } from "./key-file.ts";

/** A key to log in with: an object that signs, at once or later, or the path of a file (a leading `~/` is the account's home folder). */
export type IdentitySource = PrivateKey | RemoteIdentity | string;

/** The passphrase of a key file, or how to get it; see `passphrase` of `connect`. */
export type PassphraseSource =
  | string
  | ((file: string, attempt: number) => string | undefined | Promise<string | undefined>);

export interface IdentityOptions {
  readonly identities: readonly IdentitySource[] | undefined;
  readonly agent: boolean | string | undefined;
  readonly passphrase: PassphraseSource | undefined;
  readonly crypto: CryptoChoice | undefined;
  readonly random: (length: number) => Uint8Array;
  readonly warn: (text: string) => void;
  /** Home folder of the account that runs this process; without one there are no default files. */
  readonly home: string | undefined;
  /** Says that these keys are of no use any more: what is asked of an agent, or being unlocked, is given up. */
  readonly signal: AbortSignal;
}

/** The files whose keys are tried when none are named, as far as they exist: OpenSSH's names. */
const DEFAULT_FILES: readonly string[] = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];

/** How often a passphrase is asked for. */
const PASSPHRASE_ATTEMPTS = 3;

/** The keys to log in with, in the order in which to try them: the agent's, where it is to be asked, and then the files'. */
export async function loadIdentities(options: IdentityOptions): Promise<(PrivateKey | RemoteIdentity)[]> {
  const named = options.identities;
  // Before anything is asked or read, and never shown: it may be a private key.
  if (named !== undefined && !Array.isArray(named))
    throw new SshError(
      "usage",
      "identities must be an array, of paths of key files and of keys: [await privateKey(text)]",
    );
  for (const source of named ?? []) checkSource(source);
  const held = await heldByAgent(options);
  const found: (PrivateKey | RemoteIdentity)[] =
    named === undefined || (options.agent !== undefined && options.agent !== false) ? [...held] : [];
  const add = (identity: PrivateKey | RemoteIdentity): void => {
    if (!found.some((one) => isSameKey(one.publicKey, identity.publicKey))) found.push(identity);
  };

  if (named === undefined) {
    for (const file of options.home === undefined ? [] : DEFAULT_FILES) {
      const identity = await openDefaultFile(file, held, options);
      if (identity !== undefined) add(identity);
    }
  } else {
    for (const source of named) add(typeof source === "string" ? await openNamedFile(source, held, options) : source);
  }
  return found;
}

/** Throws `usage` if the value cannot be a source of keys. */
function checkSource(source: unknown): void {
  if (source instanceof Uint8Array || (typeof source === "string" && isFileText(source)))
    throw new SshError("usage", "an identity is the text of a key: use await privateKey(text)");
  if (typeof source !== "string") checkKey(source, "an identity");
}

/** What the agent has. One that nobody named, but the environment, may be gone. */
async function heldByAgent({ agent, home, warn, signal }: IdentityOptions): Promise<RemoteIdentity[]> {
  if (agent === false) return [];
  if (typeof agent === "string" && isFileText(agent))
    throw new SshError(
      "usage",
      "agent is the path of an agent's socket: the text of a key goes to identities, by await privateKey(text)",
    );
  const path = typeof agent === "string" ? expandHome(agent, home) : process.env.SSH_AUTH_SOCK;
  if (path === undefined || path === "") {
    if (agent === undefined) return [];
    throw new SshError("agent-failed", "no SSH agent is there: SSH_AUTH_SOCK is not set");
  }
  try {
    return await agentIdentities(path, { signal });
  } catch (error) {
    if (agent !== undefined || !(error instanceof SshError) || error.code === "aborted") throw error;
    warn(error.message);
    return [];
  }
}

async function openDefaultFile(
  file: string,
  held: readonly RemoteIdentity[],
  options: IdentityOptions,
): Promise<PrivateKey | RemoteIdentity | undefined> {
  try {
    const bytes = await readIfThere(expandHome(file, options.home));
    return bytes && (await openIdentity(file, bytes, held, options, false));
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    options.warn(error.message);
    return undefined;
  }
}

async function openNamedFile(
  file: string,
  held: readonly RemoteIdentity[],
  options: IdentityOptions,
): Promise<PrivateKey | RemoteIdentity> {
  const bytes = await readIfThere(expandHome(file, options.home));
  if (bytes === undefined) throw new SshError("file-unreadable", `${escapeText(file)}: there is no such key file`);
  return openIdentity(file, bytes, held, options, true);
}

async function openIdentity(
  file: string,
  bytes: Uint8Array,
  held: readonly RemoteIdentity[],
  options: IdentityOptions,
  named: boolean,
): Promise<PrivateKey | RemoteIdentity> {
  const inAgent = (publicKey: PublicKey | undefined): RemoteIdentity | undefined =>
    publicKey && held.find((one) => isSameKey(one.publicKey, publicKey));
  try {
    // As with OpenSSH, the public half may stand for a key that the agent has.
    const publicHalf = publicKeyOf(bytes);
    const ofPublicKey = inAgent(publicHalf);
    if (ofPublicKey !== undefined) return ofPublicKey;

    // Everybody may read a public key.
    // rule: identity-private
    if (publicHalf === undefined) await assertPrivate(expandHome(file, options.home));
    const opened = await openKeyFile(bytes, options.crypto);
    if (!opened.encrypted) return opened.privateKey;
    const publicKey = opened.publicKey ?? publicKeyOf(await readIfThere(`${expandHome(file, options.home)}.pub`));
    const locked = inAgent(publicKey);
    if (locked !== undefined) return locked;
    if (publicKey !== undefined) return lockedIdentity(file, opened, publicKey, options, named);
    if (!named)
      throw new SshError(
        "passphrase-needed",
        `the key is encrypted, and ${file}.pub, which would tell its public half, is missing`,
      );
    const unlocked = await unlock(file, opened, options);
    if (unlocked === undefined) throw passphraseNeeded();
    return unlocked;
  } catch (cause) {
    throw inFile(file, cause);
  }
}

function publicKeyOf(bytes: Uint8Array | undefined): PublicKey | undefined {
  try {
    return bytes && parsePublicKeyFile(utf8DecodeLossy(bytes)).publicKey;
  } catch {
    return undefined;
  }
}

/** An encrypted key: its passphrase is asked for when the server would take the key, and not before. */
function lockedIdentity(
  file: string,
  opened: EncryptedKeyFile,
  publicKey: PublicKey,
  options: IdentityOptions,
  named: boolean,
): RemoteIdentity {
  let unlocked: PrivateKey | undefined;
  return {
    publicKey,
    comment: file,
    async sign(algorithm, data) {
      try {
        unlocked ??= await unlock(file, opened, options);
        if (unlocked === undefined && options.passphrase === undefined && named) throw passphraseNeeded();
        if (unlocked !== undefined && !isSameKey(unlocked.publicKey, publicKey))
          throw new SshError("key-malformed", "the private key is not that of the public key beside it (.pub)");
        return unlocked?.sign(algorithm, data, options.random);
      } catch (cause) {
        // A key that nobody named is one of several; the next may be the right one.
        if (!named && cause instanceof SshError && cause.code === "passphrase-wrong") return undefined;
        throw inFile(file, cause);
      }
    },
  };
}

/** The key, or `undefined` when no passphrase was given. Throws `passphrase-wrong` when none of those given opens it. */
async function unlock(
  file: string,
  opened: EncryptedKeyFile,
  { passphrase: source, crypto, signal }: IdentityOptions,
): Promise<PrivateKey | undefined> {
  for (let attempt = 1; ; attempt++) {
    const passphrase = typeof source === "function" ? await source(file, attempt) : source;
    if (passphrase === undefined) return undefined;
    try {
      return await decryptKey(opened, passphrase, crypto, signal);
    } catch (error) {
      const again = typeof source === "function" && attempt < PASSPHRASE_ATTEMPTS;
      if (!again || !(error instanceof SshError) || !isPassphraseError(error)) throw error;
    }
  }
}

function isPassphraseError({ code }: SshError): boolean {
  return code === "passphrase-wrong" || code === "passphrase-needed";
}

function passphraseNeeded(): SshError {
  return new SshError("passphrase-needed", "the private key is encrypted: give its passphrase, or add it to ssh-agent");
}

function isSameKey(one: PublicKey, other: PublicKey): boolean {
  return equalBytes(one.blob, other.blob);
}
