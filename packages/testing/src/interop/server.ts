import { randomBytes } from "node:crypto";
import { formatPublicKeyLine, parsePublicKeyLine } from "@nacre/keyfiles";
import { fingerprint, generateEd25519, type PrivateKey } from "@nacre/keys";
import { type Client, type ConnectOptions, connect, SshError } from "@nacre/node";
import { afterAll, beforeAll } from "vitest";
import { authorizeKey, type Sshd, type SshdOptions, startSshd } from "../openssh/sshd.ts";

/** An sshd for the tests of a file or a `describe`, with functions to connect to it. */
export interface Server {
  readonly sshd: Sshd;
  /** Private key with which alice can log in. */
  readonly key: PrivateKey;
  /** Returns options for `connect`. The server's host keys are pinned unless `changes` has `knownHosts`. */
  options(changes?: Partial<ConnectOptions>): ConnectOptions;
  /** Connects as alice, unless `changes` has another user. Use with `await using`. */
  connect(changes?: Partial<ConnectOptions>): Promise<Client>;
}

/** Starts an sshd. It has only an Ed25519 host key by default, because generating keys is slow. */
export function useServer(options: SshdOptions = {}): Server {
  const key = generateEd25519((length) => new Uint8Array(randomBytes(length)));
  let sshd: Sshd | undefined;
  beforeAll(async () => {
    await authorizeKey("alice", formatPublicKeyLine(key.publicKey));
    sshd = await startSshd({ hostKeys: ["ed25519"], ...options });
  });
  afterAll(() => sshd?.stop());

  const server: Server = {
    get sshd() {
      if (sshd === undefined) throw new Error("the server has not started");
      return sshd;
    },
    key,
    options: (changes = {}) => ({
      host: server.sshd.host,
      port: server.sshd.port,
      user: "alice",
      identities: [key],
      agent: false,
      ...(changes.knownHosts === undefined && { hostKey: fingerprintsOf(server.sshd) }),
      ...changes,
    }),
    connect: (changes) => connect(server.options(changes)),
  };
  return server;
}

/** Starts an sshd that offers every algorithm it has, and whose log names those of each connection (`negotiationsIn`). */
export function useServerOfAllAlgorithms(
  hostKeys: NonNullable<SshdOptions["hostKeys"]>,
  config: readonly string[] = [],
): Server {
  const log = "LogVerbose kex.c:*";
  // OpenSSH has these three methods, but does not offer them by default.
  const kex =
    "KexAlgorithms +diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512";
  return useServer({ hostKeys, logLevel: "DEBUG1", config: [kex, log, ...config] });
}

/** Returns the fingerprints of a server's host keys. */
export function fingerprintsOf({ hostPublicKeys }: Pick<Sshd, "hostPublicKeys">): `SHA256:${string}`[] {
  return hostPublicKeys.map(
    (line) => fingerprint(parsePublicKeyLine(line).publicKey.blob, "sha256") as `SHA256:${string}`,
  );
}

/** Resolves with the `SshError` that a promise rejects with. Throws if it resolves or rejects with another error. */
export async function failure(promise: Promise<unknown>): Promise<SshError> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (error instanceof SshError) return error;
    throw error;
  }
  throw new Error(`expected a rejection, got ${JSON.stringify(value)?.slice(0, 200)}`);
}

/** Resolves like the promise, or rejects if it is still pending after this many milliseconds. */
export async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`still pending after ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
