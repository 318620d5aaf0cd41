import {
  type ClientProvider,
  type CryptoProvider,
  checkLoginMethods,
  chooseAlgorithms,
  clientMethods,
  describeCertificate,
  encodeTerminalModes,
  explicitHostKey,
  type HostKeysConnectOptions,
  type HostKeyVerifier,
  offeredAlgorithms,
  type ConnectOptions as StreamConnectOptions,
  withDescriptions,
} from "nacre/extend";
import { nodeAlgorithms } from "../crypto/algorithms.ts";
import { nodeRandom } from "../crypto/bytes.ts";
import { fingerprint } from "../crypto/fingerprint.ts";
import { loadAlgorithms } from "../crypto/load.ts";
import type { CryptoChoice } from "../crypto/private-key.ts";
import { accountHome, accountName } from "../keys/account.ts";
import { agentRefused } from "../keys/forward-agent.ts";
import { loadIdentities } from "../keys/identities.ts";
import { type HostOptions, knownHost } from "../keys/known-hosts.ts";
import { asOptions, pathsOf } from "../keys/known-hosts-options.ts";
import { CLIENT_USERS, type HopOptions } from "./options.ts";
import type { WayOptions } from "./way.ts";

/** A prepared SSH connection: it can send its first bytes as soon as the duplex is open. */
export interface Prepared {
  /** Options of the TCP connection, or of the channel from a jump host. */
  readonly dial: WayOptions;
  /** Address of the TCP connection to the server. Set it before the login. */
  address: string | undefined;
  readonly options: StreamConnectOptions & ClientProvider;
  /** Resolves when the code of the algorithms is loaded. No input may be processed before. */
  readonly loading: Promise<unknown>;
  /** Call it after the login. Never rejects. */
  readonly loggedIn: () => Promise<void>;
}

/**
 * Reads keys and known_hosts and selects algorithms. Pending requests are cancelled when `signal` aborts. Rejects with `usage`,
 * `file-unreadable`, … before anything is sent. An agent is asked during the login.
 */
export async function prepare(options: HopOptions, signal: AbortSignal): Promise<Prepared> {
  const { port = 22, random = nodeRandom, user = accountName() } = options;
  const warn = options.warn ?? (() => {});
  checkLoginMethods({ ...options, loginMethods: clientMethods });
  const algorithms = offeredAlgorithms({
    algorithms: chooseAlgorithms(options.algorithms, await defaultsOf(options.crypto)),
    wasm: options.wasm,
    minRsaBits: options.minRsaBits,
  });
  const files = Promise.all([
    decideHostKey(options, algorithms, { port, warn, signal, address: () => prepared?.address }),
    loadIdentities({
      // `nextLogin` names its keys itself.
      identities: options.nextLogin === undefined ? options.identities : [],
      files: options.identityFiles,
      certificateFiles: options.certificateFiles,
      identitiesOnly: options.identitiesOnly,
      algorithms: options.identityAlgorithms,
      agent: options.agent,
      addKeysToAgent: options.addKeysToAgent,
      passphrase: options.passphrase,
      crypto: options.crypto,
      minRsaBits: options.minRsaBits,
      random,
      warn,
      home: accountHome(),
      signal,
    }),
  ]);
  // Load code during the TCP connect, the server's setup and file reads.
  const loading = loadAlgorithms(algorithms);
  loading.catch(() => {});
  const [hostKey, { keys, loggedIn }] = await files;
  const prepared: Prepared = {
    address: undefined,
    dial: { ...options, port, signal },
    options: {
      ...options,
      ...hostKey,
      user,
      identities: undefined,
      ...keys,
      refused: agentRefused(warn),
      random,
      fingerprint,
      shownFingerprint: (blob) => fingerprint(blob, options.fingerprintHash),
      encodeModes: encodeTerminalModes,
      loginMethods: clientMethods,
      users: CLIENT_USERS,
      trace: withDescriptions(options.trace, describeCertificate),
      signal,
    },
    loading,
    loggedIn,
  };
  return prepared;
}

/** Decision that follows from the options about host keys. */
type HostKeyDecision = { readonly hostKey: HostKeyVerifier } & Pick<CryptoProvider, "algorithms"> &
  HostKeysConnectOptions;

/** Returns the host key verifier, and what known_hosts is needed for: the order of the algorithms, and updates. */
async function decideHostKey(
  options: HopOptions,
  algorithms: CryptoProvider["algorithms"],
  context: Pick<HostOptions, "port" | "warn" | "signal" | "address">,
): Promise<HostKeyDecision> {
  const home = accountHome();
  const decision = await withKnownHosts(options, algorithms, { ...context, home });
  const { revokedHostKeys, hostKeyAccepted } = options;
  let verify = decision.hostKey;
  if (revokedHostKeys !== undefined) {
    const { withoutRevoked } = await import("../keys/revoked-keys.ts");
    verify = await withoutRevoked(pathsOf(revokedHostKeys)!, home, verify, options.fingerprintHash);
  }
  if (hostKeyAccepted === undefined) return { ...decision, hostKey: verify };
  const hostKey: HostKeyVerifier = async (presented) => {
    const verdict = await verify(presented);
    if (verdict === true || verdict === "restricted") await hostKeyAccepted(presented);
    return verdict;
  };
  return { ...decision, hostKey };
}

async function withKnownHosts(
  { host, hostKey, hostKeyAlias, knownHosts, unknownHost, updateHostKeys = false, ...options }: HopOptions,
  algorithms: CryptoProvider["algorithms"],
  context: Pick<HostOptions, "port" | "warn" | "signal" | "address" | "home">,
): Promise<HostKeyDecision> {
  const restrictChanged = hostKey === "restrict-changed";
  const decided = restrictChanged ? undefined : explicitHostKey(hostKey, { host, port: options.port });
  if (decided !== undefined) return { hostKey: decided, algorithms, updateHostKeys: undefined };
  const hostOptions: HostOptions = {
    ...asOptions(knownHosts),
    ...context,
    host,
    alias: hostKeyAlias,
    offered: algorithms.hostKeys,
    authorityAlgorithms: options.caSignatureAlgorithms,
    commandTimeout: options.commandTimeout,
    unknownHost: restrictChanged || hostKey === "accept-new" ? () => true : unknownHost,
    restrictChanged,
    fingerprintHash: options.fingerprintHash,
    added: options.hostKeyAdded,
  };
  const known = await knownHost(hostOptions);
  return {
    hostKey: known.verify,
    algorithms: { ...algorithms, hostKeys: known.order(algorithms.hostKeys) },
    updateHostKeys:
      updateHostKeys === false
        ? undefined
        : {
            algorithms: algorithms.hostKeys,
            update: (await import("../keys/known-hosts-update.ts")).hostKeyUpdater(hostOptions, known, updateHostKeys),
          },
  };
}

async function defaultsOf(crypto: CryptoChoice | undefined): Promise<CryptoProvider["algorithms"]> {
  return crypto === "noble" ? (await import("nacre/defaults")).defaultAlgorithms : nodeAlgorithms;
}
