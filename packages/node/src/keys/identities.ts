import { type EncryptedKeyFile, parsePublicKeyFile } from "@nacre/keyfiles/internal";
import type { PrivateKey, PublicKey } from "@nacre/keys/internal";
import { equalBytes, escapeText, SshError, utf8DecodeLossy } from "@nacre/wire";
import { abortedError, checkKey, type RemoteIdentity, unlessAborted } from "nacre/extend";
import type { CryptoChoice } from "../crypto/private-key.ts";
import { agentIdentities } from "./agent.ts";
import { expandHome, inFile, isFileText, readIfThere } from "./files.ts";
import { assertPrivate, decryptKey, openKeyFile } from "./key-file.ts";

/**
 * A login key: an object that signs synchronously or asynchronously, or the path of a file. A leading `~/` is the account's home folder.
 */
export type IdentitySource = PrivateKey | RemoteIdentity | string;

/** Login keys, in order. A promise may stand for one or several, such as those of `agentIdentities`. */
export type IdentitySources = readonly (IdentitySource | Promise<IdentitySource | readonly IdentitySource[]>)[];

/** Passphrase of a key file, or a function that returns it; see the option `passphrase` of `connect`. */
export type PassphraseSource =
  | string
  | ((file: string, attempt: number) => string | undefined | Promise<string | undefined>);

export interface IdentityOptions {
  readonly identities: IdentitySources | undefined;
  readonly agent: boolean | string | undefined;
  readonly passphrase: PassphraseSource | undefined;
  readonly crypto: CryptoChoice | undefined;
  readonly random: (length: number) => Uint8Array;
  readonly warn: (text: string) => void;
  /** Home folder of the account that runs this process. If `undefined`, there are no default key files. */
  readonly home: string | undefined;
  /** Aborts when the keys are no longer needed; cancels agent requests and decryption. */
  readonly signal: AbortSignal;
}

/** Default key files, as in OpenSSH; missing ones are skipped. */
const DEFAULT_FILES: readonly string[] = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];

/** Maximum number of passphrase attempts per key. */
const PASSPHRASE_ATTEMPTS = 3;

/** Returns the login keys in the order in which to try them: first keys from the agent, if it is used, then keys from files. */
export async function loadIdentities(options: IdentityOptions): Promise<(PrivateKey | RemoteIdentity)[]> {
  // Check before any request or read. Never show the value, which may be a private key.
  if (options.identities !== undefined && !Array.isArray(options.identities))
    throw new SshError(
      "usage",
      "`identities` must be an array of keys and paths of key files, such as [await privateKey(text)]",
    );
  const named: readonly IdentitySource[] | undefined =
    options.identities && (await unlessAborted(Promise.all(options.identities), options.signal, abortError)).flat();
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

function abortError(signal: AbortSignal): SshError {
  return abortedError("waiting for a promise in `identities`", signal);
}

/** Throws `usage` if the value is not a valid identity source. */
function checkSource(source: unknown): void {
  if (source instanceof Uint8Array || (typeof source === "string" && isFileText(source)))
    throw new SshError("usage", "an identity is the text of a key; pass `await privateKey(text)`");
  if (typeof source !== "string") checkKey(source, "an identity");
}

/** Returns the agent's keys. Failure of the default agent at SSH_AUTH_SOCK is only a warning, since it may be gone. */
async function heldByAgent({ agent, home, warn, signal }: IdentityOptions): Promise<RemoteIdentity[]> {
  if (agent === false) return [];
  if (typeof agent === "string" && isFileText(agent))
    throw new SshError(
      "usage",
      "`agent` must be the path of a socket, got the text of a key; pass `await privateKey(text)` in `identities`",
    );
  const path = typeof agent === "string" ? expandHome(agent, home) : process.env.SSH_AUTH_SOCK;
  if (path === undefined || path === "") {
    if (agent === undefined) return [];
    throw new SshError("agent-failed", "cannot use the SSH agent: SSH_AUTH_SOCK is not set");
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
  if (bytes === undefined) throw new SshError("file-unreadable", `cannot read ${escapeText(file)}: no such file`);
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
    // As in OpenSSH, a public key file may select a key held by the agent.
    const publicHalf = publicKeyOf(bytes);
    const ofPublicKey = inAgent(publicHalf);
    if (ofPublicKey !== undefined) return ofPublicKey;

    // Only check private keys: public keys may be world-readable.
    // rule: identity-private
    if (publicHalf === undefined) await assertPrivate(expandHome(file, options.home));
    const opened = await openKeyFile(bytes, options.crypto);
    if (!opened.encrypted) return opened.privateKey;
    const publicKey = opened.publicKey ?? publicKeyOf(await readIfThere(`${expandHome(file, options.home)}.pub`));
    const locked = inAgent(publicKey);
    if (locked !== undefined) return locked;
    if (publicKey !== undefined) return lockedIdentity(file, opened, publicKey, options, named);
    if (!named) throw new SshError("passphrase-needed", `the private key is encrypted, and ${file}.pub is missing`);
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

/** Returns an encrypted key. Its passphrase is requested only after the server accepts the public key. */
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
          throw new SshError("key-malformed", "the private key does not match the public key in its `.pub` file");
        return unlocked?.sign(algorithm, data, options.random);
      } catch (cause) {
        // For a default key file, skip the key: the next one may be accepted.
        if (!named && cause instanceof SshError && cause.code === "passphrase-wrong") return undefined;
        throw inFile(file, cause);
      }
    },
  };
}

/** Returns the decrypted key, or `undefined` if no passphrase was given. Throws `passphrase-wrong` after the last wrong attempt. */
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
  return new SshError(
    "passphrase-needed",
    "the private key is encrypted; set `passphrase`, or add the key to ssh-agent",
  );
}

function isSameKey(one: PublicKey, other: PublicKey): boolean {
  return equalBytes(one.blob, other.blob);
}
