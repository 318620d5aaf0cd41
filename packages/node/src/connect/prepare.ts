import {
  type ClientProvider,
  type CryptoProvider,
  checkLoginMethods,
  chooseAlgorithms,
  clientMethods,
  encodeTerminalModes,
  explicitHostKey,
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
import { loadIdentities } from "../keys/identities.ts";
import { knownHost } from "../keys/known-hosts.ts";
import { CLIENT_USERS, type HopOptions } from "./options.ts";
import type { WayOptions } from "./way.ts";

/** A prepared SSH connection: it can send its first bytes as soon as the duplex is open. */
export interface Prepared {
  /** Options of the TCP connection, or of the channel from a jump host. */
  readonly dial: WayOptions;
  readonly options: StreamConnectOptions & ClientProvider;
  /** Resolves when the code of the algorithms is loaded. No input may be processed before. */
  readonly loading: Promise<unknown>;
}

/**
 * Reads keys and known_hosts and selects algorithms. Pending requests, such as to an agent, are cancelled when `signal` aborts. Rejects
 * with `usage`, `file-unreadable`, `agent-failed`, … before anything is sent.
 */
export async function prepare(options: HopOptions, signal: AbortSignal): Promise<Prepared> {
  const { port = 22, random = nodeRandom, user = accountName() } = options;
  const warn = options.warn ?? (() => {});
  checkLoginMethods({ ...options, loginMethods: clientMethods });
  const algorithms = offeredAlgorithms({
    algorithms: chooseAlgorithms(options.algorithms, await defaultsOf(options.crypto)),
    wasm: options.wasm,
  });
  const files = Promise.all([
    decideHostKey(options, algorithms, port, warn),
    loadIdentities({
      identities: options.identities,
      agent: options.agent,
      passphrase: options.passphrase,
      crypto: options.crypto,
      random,
      warn,
      home: accountHome(),
      signal,
    }),
  ]);
  // Load code during the TCP connect, the server's setup and file reads.
  const loading = loadAlgorithms(algorithms);
  loading.catch(() => {});
  const [hostKey, identities] = await files;
  return {
    dial: { ...options, port, signal },
    options: {
      ...options,
      ...hostKey,
      user,
      identities,
      random,
      fingerprint,
      encodeModes: encodeTerminalModes,
      loginMethods: clientMethods,
      users: CLIENT_USERS,
      trace: withDescriptions(options.trace),
      signal,
    },
    loading,
  };
}

/** Returns the host key verifier, and the algorithms with those of the host's known keys first. */
async function decideHostKey(
  options: HopOptions,
  algorithms: CryptoProvider["algorithms"],
  port: number,
  warn: (text: string) => void,
): Promise<{ hostKey: HostKeyVerifier } & Pick<CryptoProvider, "algorithms">> {
  const { host, hostKey, knownHosts } = options;
  const decided = explicitHostKey(hostKey, options);
  if (decided !== undefined) return { hostKey: decided, algorithms };
  const known = await knownHost({
    host,
    port,
    files: typeof knownHosts === "string" ? [knownHosts] : knownHosts,
    home: accountHome(),
    unknownHost: hostKey === "accept-new" ? () => true : options.unknownHost,
    warn,
  });
  return { hostKey: known.verify, algorithms: { ...algorithms, hostKeys: known.order(algorithms.hostKeys) } };
}

async function defaultsOf(crypto: CryptoChoice | undefined): Promise<CryptoProvider["algorithms"]> {
  return crypto === "noble" ? (await import("nacre/defaults")).defaultAlgorithms : nodeAlgorithms;
}
