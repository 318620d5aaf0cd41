import { certifiedPrivateKey, type PrivateKey } from "@nacre/keys/internal";
import { equalBytes, SshError } from "@nacre/wire";
import {
  abortedError,
  checkCertifiedIdentity,
  checkKey,
  type FindIdentities,
  isCertifiedIdentity,
  type LoginIdentity,
  onAbort,
  type RemoteIdentity,
  unlessAborted,
} from "nacre/extend";
import { AddedKeys } from "./added-keys.ts";
import { LIST_TIMEOUT, linkTo } from "./agent.ts";
import type { AgentLink } from "./agent-link.ts";
import { agentLogin } from "./agent-login.ts";
import { defaultAgent } from "./agent-path.ts";
import { certificateText, isPresentable } from "./certified-identity.ts";
import { expandHome, isFileText } from "./files.ts";
import { type Candidate, type FileOptions, isSameKey, openDefaultFile, openNamedFile } from "./identity-file.ts";

/**
 * A login key: an object that signs synchronously or asynchronously, such a key with its certificate, or the path of a file: of a private
 * key, or of a certificate beside it. A leading `~/` is the account's home folder.
 */
export type IdentitySource = LoginIdentity | string;

/** Login keys, in order. A promise may stand for one or several, such as those of `agentIdentities`. */
export type IdentitySources = readonly (IdentitySource | Promise<IdentitySource | readonly IdentitySource[]>)[];

export interface IdentityOptions extends Omit<FileOptions, "findsCertificates"> {
  readonly identities: IdentitySources | undefined;
  /** Files to try if `identities` is not given; default {@link DEFAULT_FILES}. */
  readonly files?: readonly string[] | undefined;
  /** Files of certificates to try first; default those beside the key files. */
  readonly certificateFiles?: readonly string[] | undefined;
  readonly identitiesOnly?: boolean | undefined;
  /** Names of the signature algorithms that may be used; default all. */
  readonly algorithms?: readonly string[] | undefined;
  readonly agent: boolean | string | undefined;
}

type Identity = PrivateKey | RemoteIdentity;

/** The keys of one login: a list, or a function that also asks the agent. */
export interface LoginKeys {
  readonly keys: { readonly identities: readonly Identity[] } | { readonly findIdentities: FindIdentities };
  /** Call it after the login. Closes the connection to the agent, and adds a file's key to the agent if that is wanted. Never rejects. */
  loggedIn(this: void): Promise<void>;
}

/** Default key files, as in OpenSSH; missing ones are skipped. */
const DEFAULT_FILES: readonly string[] = [
  "~/.ssh/id_ed25519",
  "~/.ssh/id_ecdsa",
  "~/.ssh/id_rsa",
  "~/.ssh/id_ed25519_sk",
  "~/.ssh/id_ecdsa_sk",
];

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
  const { certificateFiles = [] } = options;
  const fileOptions: FileOptions = { ...options, findsCertificates: certificateFiles.length === 0 };
  const candidates: Candidate[] = [];
  for (const file of certificateFiles) {
    const found = await openDefaultFile(file, added, fileOptions);
    candidates.push(...found.filter(({ certificate }) => certificate !== undefined));
  }
  if (named === undefined) {
    for (const file of options.files ?? (options.home === undefined ? [] : DEFAULT_FILES))
      candidates.push(...(await openDefaultFile(file, added, fileOptions)));
  } else {
    for (const source of named)
      candidates.push(
        ...(typeof source === "string"
          ? await openNamedFile(source, added, fileOptions)
          : keyInMemory(source, options.warn)),
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
      held = await agentLogin(link, (wait) => linkTo(path!, wait), server, signal, options);
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

function keyInMemory(source: Exclude<IdentitySource, string>, warn: (text: string) => void): Candidate[] {
  const { key, certificate } = isCertifiedIdentity(source) ? source : { key: source, certificate: undefined };
  if (certificate !== undefined && !isPresentable(certificate, warn)) return [];
  if (certificate !== undefined && !isSameKey(certificate.publicKey, key.publicKey))
    throw new SshError("usage", `${certificateText(certificate)} is not that of its \`key\``);
  return [{ publicKey: key.publicKey, certificate, isFile: false, own: () => key }];
}

/** Returns each key once, in the order in which to try them. `held`: keys of the agent. */
function inOrder(
  candidates: readonly Candidate[],
  held: readonly RemoteIdentity[],
  takesOthers: boolean,
): readonly Identity[] {
  const heldWith = (blob: Uint8Array): RemoteIdentity | undefined =>
    held.find(({ publicKey }) => equalBytes(publicKey.blob, blob));
  const inAgent = ({ publicKey, certificate, isFile }: Candidate): Identity | undefined => {
    if (!isFile) return undefined;
    const plain = heldWith(publicKey.blob);
    if (certificate === undefined) return plain;
    // An agent may hold the certificate, or only its key.
    return heldWith(certificate.blob) ?? (plain && certifiedPrivateKey(plain, certificate));
  };
  const own = (candidate: Candidate): Identity | undefined => {
    const { publicKey, certificate } = candidate;
    if (certificate === undefined) return candidate.own();
    const other = candidates.find((one) => one.certificate === undefined && isSameKey(one.publicKey, publicKey));
    const key = (other ?? candidate).own();
    return key && certifiedPrivateKey(key, certificate);
  };
  const all = [
    ...candidates.flatMap((candidate) => inAgent(candidate) ?? []),
    ...(takesOthers ? held : []),
    ...candidates.filter((candidate) => inAgent(candidate) === undefined).flatMap((candidate) => own(candidate) ?? []),
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
  if (typeof source === "string") return;
  if (isCertifiedIdentity(source)) checkCertifiedIdentity(source);
  else checkKey(source, "an identity");
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
