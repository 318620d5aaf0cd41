import { SshError } from "@nacre/wire";
import {
  checkLimits,
  checkNames,
  checkSignal,
  checkUser,
  connectDuplex,
  type HostKeyVerifier,
  type Means,
  offeredAlgorithms,
  pinnedHostKey,
  SESSION_LIMITS,
  type ConnectOptions as StreamConnectOptions,
} from "nacre/parts";
import { accountHome, accountName } from "./account.ts";
import { Client } from "./client.ts";
import { nodeAlgorithms } from "./crypto/algorithms.ts";
import { fingerprint } from "./crypto/fingerprint.ts";
import { loadAlgorithms, warmUpAlgorithms } from "./crypto/load.ts";
import type { CryptoChoice } from "./crypto/private-key.ts";
import { checkAddress, checkConnectTimeout, tcpDuplex } from "./dial.ts";
import { rejectingWithSshError } from "./failure.ts";
import { heldUntil } from "./held-duplex.ts";
import { loadIdentities } from "./identities.ts";
import { knownHost } from "./known-hosts.ts";
import { NODE_CONNECT_OPTIONS } from "./option-names.ts";
import type { ConnectOptions } from "./options.ts";
import { nodeRandom } from "./random.ts";

/**
 * Connects to an SSH server over TCP, verifies its host key and logs in. Rejects with an `SshError`, whose `code` and
 * `culprit` tell why it could not; nothing is left open then.
 */
export function connect(options: ConnectOptions): Promise<Client> {
  return rejectingWithSshError(() => connectWith(options));
}

async function connectWith(options: ConnectOptions): Promise<Client> {
  // A program without types may give nothing at all.
  checkNames({ ...options }, NODE_CONNECT_OPTIONS, "connect");
  const { host, port = 22, connectTimeout, signal, random = nodeRandom, user = accountName() } = { ...options };
  checkAddress(host, port);
  checkConnectTimeout(connectTimeout);
  checkSignal(signal);
  checkUser(user);
  checkLimits(options.limits, SESSION_LIMITS);
  const warn = options.warn ?? (() => {});

  // What is asked on the way (of an agent, say) must not outlive it.
  const over = new AbortController();
  const onAbort = (): void => over.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted) onAbort();
  try {
    const algorithms = offeredAlgorithms({
      algorithms: options.algorithms ?? (await defaultsOf(options.crypto)),
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
        signal: over.signal,
      }),
    ]);
    // While files are read, TCP connects, and the server gets ready.
    const loading = loadAlgorithms(algorithms).then(() => warmUpAlgorithms(algorithms));
    loading.catch(() => {});
    const [hostKey, identities] = await files;
    const complete: StreamConnectOptions & Means = {
      ...options,
      ...hostKey,
      user,
      identities,
      random,
      fingerprint,
    };
    const tcp = await tcpDuplex({ host, port, connectTimeout, signal });
    // Our side of the first round trip leaves at once: a server gets ready for the second when it has it.
    const duplex = heldUntil(loading, tcp);
    return await connectDuplex(duplex, complete, (connection) => new Client(connection));
  } finally {
    signal?.removeEventListener("abort", onAbort);
    over.abort();
  }
}

/** Who decides about the host key, and which of the algorithms to ask for first. */
async function decideHostKey(
  options: ConnectOptions,
  algorithms: Means["algorithms"],
  port: number,
  warn: (text: string) => void,
): Promise<{ hostKey: HostKeyVerifier } & Pick<Means, "algorithms">> {
  const { host, hostKey, knownHosts } = options;
  if (typeof hostKey === "function") return { hostKey, algorithms };
  if (hostKey !== undefined && hostKey !== "accept-new") {
    const fingerprints: unknown = typeof hostKey === "string" ? [hostKey] : hostKey;
    if (!isTexts(fingerprints) || fingerprints.length === 0)
      throw new SshError(
        "usage",
        'hostKey must be "accept-new", a fingerprint or several ("SHA256:…"), or a function that decides',
      );
    return { hostKey: pinnedHostKey(...fingerprints), algorithms };
  }
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

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

async function defaultsOf(crypto: CryptoChoice | undefined): Promise<Means["algorithms"]> {
  return crypto === "noble" ? (await import("nacre/defaults")).defaultAlgorithms : nodeAlgorithms;
}
