import { randomBytes } from "node:crypto";
import { formatPublicKeyLine, parsePublicKeyLine } from "@nacre/keyfiles";
import { fingerprint, generateEd25519, type PrivateKey } from "@nacre/keys";
import { type Client, type ConnectOptions, connect, SshError } from "@nacre/node";
import { afterAll, beforeAll } from "vitest";
import { authorizeKey, type Sshd, type SshdOptions, startSshd } from "../../../../scripts/openssh/sshd.ts";

/** An sshd for the tests of a file or a `describe`, and connections to it. */
export interface Server {
  readonly sshd: Sshd;
  /** alice's key, which the server takes. */
  readonly key: PrivateKey;
  /** Where and as whom, with the server's own host keys pinned unless known_hosts files are named; for `connect`. */
  options(changes?: Partial<ConnectOptions>): ConnectOptions;
  /** A connection as alice, unless told otherwise; for `await using`. */
  connect(changes?: Partial<ConnectOptions>): Promise<Client>;
}

/** With one host key, Ed25519, unless told: making them takes its time. */
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
      if (sshd === undefined) throw new Error("the server is not up");
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

/** The fingerprints of a server's host keys. */
export function fingerprintsOf({ hostPublicKeys }: Sshd): `SHA256:${string}`[] {
  return hostPublicKeys.map(
    (line) => fingerprint(parsePublicKeyLine(line).publicKey.blob, "sha256") as `SHA256:${string}`,
  );
}

/** The error that a promise rejects with, which must be an `SshError`. */
export async function failure(promise: Promise<unknown>): Promise<SshError> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (error instanceof SshError) return error;
    throw error;
  }
  throw new Error(`it did not fail: ${JSON.stringify(value)?.slice(0, 200)}`);
}

/** What a promise comes to, if it does within that many milliseconds. */
export async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing after ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
