import {
  type EncryptedKeyFile,
  type PrivateKeyFile,
  parsePublicKeyFile,
  type UnlockedKey,
} from "@nacre/keyfiles/internal";
import type { PrivateKey, PublicKey } from "@nacre/keys/internal";
import {
  checkLimit,
  equalBytes,
  escapeText,
  MAX_UINT32,
  SshError,
  type SshErrorCode,
  utf8DecodeLossy,
} from "@nacre/wire";
import {
  abortedError,
  checkKey,
  checkOptions,
  type FindIdentities,
  type OptionRows,
  onAbort,
  type RemoteIdentity,
  unlessAborted,
} from "nacre/extend";
import type { CryptoChoice } from "../crypto/private-key.ts";
import { LIST_TIMEOUT, linkTo } from "./agent.ts";
import type { AgentLink } from "./agent-link.ts";
import { agentLogin } from "./agent-login.ts";
import { defaultAgent } from "./agent-path.ts";
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

/** How to add a key to the agent. */
export interface AddedKeyOptions {
  /** Seconds after which the agent forgets the key; default never. */
  readonly lifetime?: number | undefined;
  /** Whether the agent asks its user before each signature; default false. */
  readonly confirm?: boolean | undefined;
  /** Decides whether the key of a file is added; default every key that logged in. */
  readonly permit?: ((file: string) => boolean | Promise<boolean>) | undefined;
}

const ADDED_KEY_OPTIONS: OptionRows<AddedKeyOptions> = {
  lifetime: {
    check(lifetime = 1) {
      checkLimit("lifetime", lifetime, { least: 1, most: MAX_UINT32, unit: "seconds" });
    },
  },
  confirm: "boolean",
  permit: "function",
};

/** Throws `usage` for an invalid value of `addKeysToAgent`. */
export function checkAddedKeys(given: boolean | AddedKeyOptions | undefined): void {
  if (typeof given === "object") checkOptions(given, ADDED_KEY_OPTIONS, "`addKeysToAgent`");
}

export interface IdentityOptions {
  readonly identities: IdentitySources | undefined;
  /** Files to try if `identities` is not given; default {@link DEFAULT_FILES}. */
  readonly files?: readonly string[] | undefined;
  readonly identitiesOnly?: boolean | undefined;
  /** Names of the signature algorithms that may be used; default all. */
  readonly algorithms?: readonly string[] | undefined;
  readonly agent: boolean | string | undefined;
  readonly addKeysToAgent?: boolean | AddedKeyOptions | undefined;
  readonly passphrase: PassphraseSource | undefined;
  readonly crypto: CryptoChoice | undefined;
  readonly random: (length: number) => Uint8Array;
  readonly warn: (text: string, code?: SshErrorCode) => void;
  /** Home folder of the account that runs this process. If `undefined`, there are no default key files. */
  readonly home: string | undefined;
  /** Aborts when the keys are no longer needed; cancels decryption. */
  readonly signal: AbortSignal;
}

type Identity = PrivateKey | RemoteIdentity;

/** The keys of one login: a list, or a function that also asks the agent. */
export interface LoginKeys {
  readonly keys: { readonly identities: readonly Identity[] } | { readonly findIdentities: FindIdentities };
  /** Call it after the login. Closes the connection to the agent, and adds a file's key to the agent if that is wanted. Never rejects. */
  loggedIn(this: void): Promise<void>;
}

/** A login key, and whether the agent signs in its place if it holds the key. */
interface Candidate {
  readonly publicKey: PublicKey;
  readonly isFile: boolean;
  /** Returns what signs if no agent holds the key; `undefined` to leave the key out. Throws an error that ends the login. */
  own(): Identity | undefined;
}

/** Default key files, as in OpenSSH; missing ones are skipped. */
const DEFAULT_FILES: readonly string[] = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];

/** Maximum number of passphrase attempts per key. */
const PASSPHRASE_ATTEMPTS = 3;

/**
 * Reads the files of the login keys and connects to the agent. Returns the keys in the order in which OpenSSH tries them: those of files
 * that the agent holds, the agent's others, then the rest. The agent lists its keys during the login, after it has received where that
 * leads.
 */
export async function loadIdentities(options: IdentityOptions): Promise<LoginKeys> {
  // Check before any request or read. Never show the value, which may be a private key.
  if (options.identities !== undefined && !Array.isArray(options.identities))
    throw new SshError(
      "usage",
      "`identities` must be an array of keys and paths of key files, such as [await privateKey(text)]",
    );
  const path = agentOf(options);
  const named: readonly IdentitySource[] | undefined =
    options.identities && (await unlessAborted(Promise.all(options.identities), options.signal, abortError)).flat();
  for (const source of named ?? []) checkSource(source);
  const isNamed = options.agent !== undefined;
  const takesOthers = options.identitiesOnly !== true && (named === undefined || isNamed);
  const hasFiles = named === undefined || named.some((source) => typeof source === "string");
  const link = path !== undefined && (takesOthers || hasFiles) ? await openAgent(path, options) : undefined;
  const added = new AddedKeys(options);
  const candidates: Candidate[] = [];
  if (named === undefined) {
    for (const file of options.files ?? (options.home === undefined ? [] : DEFAULT_FILES))
      candidates.push(...(await openDefaultFile(file, added, options)));
  } else {
    for (const source of named)
      candidates.push(
        typeof source === "string"
          ? await openNamedFile(source, added, options)
          : { publicKey: source.publicKey, isFile: false, own: () => source },
      );
  }
  const loggedIn = async (): Promise<void> => {
    await link?.close();
    await added.addTo(path);
  };
  const usable = (held: readonly RemoteIdentity[]): readonly Identity[] =>
    inOrder(candidates, held, takesOthers).flatMap((one) => limitedTo(options.algorithms, one));
  if (link === undefined) return { keys: { identities: usable([]) }, loggedIn };
  const findIdentities: FindIdentities = async (server, signal) => {
    let held: readonly RemoteIdentity[] = [];
    try {
      held = await agentLogin(link, (wait) => linkTo(path!, wait), server, signal, options.warn);
    } catch (error) {
      if (!(error instanceof SshError) || error.code !== "agent-failed") throw error;
      // Another key may log in.
      if (isNamed && candidates.length === 0) throw error;
      options.warn(error.message, error.code);
    }
    return usable(held);
  };
  return { keys: { findIdentities }, loggedIn };
}

/** Returns each key once, in the order in which to try them. `held`: keys of the agent. */
function inOrder(
  candidates: readonly Candidate[],
  held: readonly RemoteIdentity[],
  takesOthers: boolean,
): readonly Identity[] {
  const inAgent = ({ publicKey, isFile }: Candidate): RemoteIdentity | undefined =>
    isFile ? held.find((one) => isSameKey(one.publicKey, publicKey)) : undefined;
  const all = [
    ...candidates.flatMap((candidate) => inAgent(candidate) ?? []),
    ...(takesOthers ? held : []),
    ...candidates.filter((candidate) => inAgent(candidate) === undefined).flatMap((candidate) => candidate.own() ?? []),
  ];
  return all.filter((one, i) => all.findIndex(({ publicKey }) => isSameKey(one.publicKey, publicKey)) === i);
}

/** Returns a key that signs with these algorithms alone; nothing if none of them is the key's. */
function limitedTo(names: readonly string[] | undefined, identity: Identity): readonly Identity[] {
  const { publicKey } = identity;
  const algorithms = publicKey.algorithms.filter(({ name }) => names === undefined || names.includes(name));
  if (algorithms.length === publicKey.algorithms.length) return [identity];
  if (algorithms.length === 0) return [];
  const limited = { publicKey: { value: { ...publicKey, algorithms } }, sign: { value: identity.sign.bind(identity) } };
  return [Object.create(identity, limited) as Identity];
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

/** Returns the path of the agent; `undefined` for none. */
function agentOf({ agent, home }: IdentityOptions): string | undefined {
  if (agent === false) return undefined;
  if (typeof agent === "string" && isFileText(agent))
    throw new SshError(
      "usage",
      "`agent` must be the path of a socket, got the text of a key; pass `await privateKey(text)` in `identities`",
    );
  const path = typeof agent === "string" ? expandHome(agent, home) : defaultAgent();
  if (path !== undefined && path !== "") return path;
  if (agent === undefined) return undefined;
  throw new SshError("agent-failed", "cannot use the SSH agent: SSH_AUTH_SOCK is not set");
}

/** Connects to the agent. Failure of the default one is only a warning, since it may be gone. */
async function openAgent(path: string, { agent, signal, warn }: IdentityOptions): Promise<AgentLink | undefined> {
  try {
    const link = await linkTo(path, { timeout: LIST_TIMEOUT, signal });
    onAbort(signal, () => void link.close());
    return link;
  } catch (error) {
    if (agent !== undefined || !(error instanceof SshError) || error.code === "aborted") throw error;
    warn(error.message, error.code);
    return undefined;
  }
}

/** The key of a file that signed last, for the agent. */
class AddedKeys {
  readonly #options: IdentityOptions;
  #last: { readonly key: UnlockedKey; readonly file: string } | undefined;

  constructor(options: IdentityOptions) {
    this.#options = options;
  }

  /** Notes that a key is about to sign. */
  used(key: UnlockedKey, file: string): void {
    this.#last = { key, file };
  }

  /** Returns a key of a file. If it may have to be added, it signs only when it is asked to, so that its use is noted. */
  watched(key: UnlockedKey, file: string): Identity {
    const { addKeysToAgent = false, random } = this.#options;
    const { privateKey } = key;
    if (addKeysToAgent === false) return privateKey;
    const watched: RemoteIdentity = {
      publicKey: privateKey.publicKey,
      comment: file,
      sign: async (algorithm, data) => {
        this.used(key, file);
        return privateKey.sign(algorithm, data, random);
      },
    };
    return watched;
  }

  /** Adds the key that signed last to the agent. */
  async addTo(path: string | undefined): Promise<void> {
    const { addKeysToAgent = false, warn } = this.#options;
    const last = this.#last;
    if (addKeysToAgent === false || last === undefined || path === undefined) return;
    const { lifetime, confirm, permit }: AddedKeyOptions = addKeysToAgent === true ? {} : addKeysToAgent;
    const wait = { timeout: LIST_TIMEOUT };
    try {
      const { privateKey, comment } = last.key;
      if (permit !== undefined && ((await permit(last.file)) as unknown) !== true) return;
      const link = await linkTo(path, wait);
      const key = { type: "plain", fields: privateKey.fields } as const;
      const { type } = await link
        .request((client, waiter) => client.add(key, comment || last.file, { lifetime, confirm }, waiter), wait)
        .finally(() => link.close());
      if (type === "refused") throw link.failure(`it refused to add ${escapeText(last.file)}`);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      warn(error.message);
    }
  }
}

async function openDefaultFile(file: string, added: AddedKeys, options: IdentityOptions): Promise<Candidate[]> {
  try {
    const bytes = await readIfThere(expandHome(file, options.home));
    return bytes === undefined ? [] : [await openIdentity(file, bytes, added, options, false)];
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    options.warn(error.message);
    return [];
  }
}

async function openNamedFile(file: string, added: AddedKeys, options: IdentityOptions): Promise<Candidate> {
  const bytes = await readIfThere(expandHome(file, options.home));
  if (bytes === undefined) throw new SshError("file-unreadable", `cannot read ${escapeText(file)}: no such file`);
  return openIdentity(file, bytes, added, options, true);
}

async function openIdentity(
  file: string,
  bytes: Uint8Array,
  added: AddedKeys,
  options: IdentityOptions,
  named: boolean,
): Promise<Candidate> {
  const candidate = (publicKey: PublicKey, own: Candidate["own"]): Candidate => ({ publicKey, isFile: true, own });
  try {
    // As in OpenSSH, a public key file may select a key held by the agent.
    const publicHalf = publicKeyOf(bytes);
    // Only check private keys: public keys may be world-readable.
    // rule: identity-private
    if (publicHalf === undefined) await assertPrivate(expandHome(file, options.home));
    let opened: PrivateKeyFile;
    try {
      opened = await openKeyFile(bytes, options.crypto);
    } catch (cause) {
      if (publicHalf === undefined) throw cause;
      return candidate(publicHalf, () => {
        if (named) throw inFile(file, cause);
        options.warn((inFile(file, cause) as Error).message);
        return undefined;
      });
    }
    if (!opened.encrypted) {
      const { privateKey, comment } = opened;
      return candidate(privateKey.publicKey, () => added.watched({ privateKey, comment }, file));
    }
    const locked = opened;
    const publicKey = opened.publicKey ?? publicKeyOf(await readIfThere(`${expandHome(file, options.home)}.pub`));
    if (publicKey !== undefined)
      return candidate(publicKey, () => lockedIdentity(file, locked, publicKey, added, options, named));
    if (!named) throw new SshError("passphrase-needed", `the private key is encrypted, and ${file}.pub is missing`);
    const unlocked = await unlock(file, opened, options);
    if (unlocked === undefined) throw passphraseNeeded();
    return candidate(unlocked.privateKey.publicKey, () => added.watched(unlocked, file));
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
  added: AddedKeys,
  options: IdentityOptions,
  named: boolean,
): RemoteIdentity {
  let unlocked: UnlockedKey | undefined;
  return {
    publicKey,
    comment: file,
    async sign(algorithm, data) {
      try {
        unlocked ??= await unlock(file, opened, options);
        if (unlocked === undefined && options.passphrase === undefined && named) throw passphraseNeeded();
        if (unlocked !== undefined && !isSameKey(unlocked.privateKey.publicKey, publicKey))
          throw new SshError("key-malformed", "the private key does not match the public key in its `.pub` file");
        if (unlocked !== undefined) added.used(unlocked, file);
        return unlocked?.privateKey.sign(algorithm, data, options.random);
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
): Promise<UnlockedKey | undefined> {
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
