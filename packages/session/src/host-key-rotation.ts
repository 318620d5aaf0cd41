import type { Connection } from "@nacre/connection";
import type { PrivateKey, PublicKey } from "@nacre/keys";
import { equalBytes, type RandomSource, Reader, SshError, Writer } from "@nacre/wire";

/** A key that a server proves itself with. */
export interface ServerHostKey {
  readonly publicKey: PublicKey;
  /** The key in memory, which signs at once. Without it signing is an ask, answered by `answerHostKeySignature`. */
  readonly privateKey?: PrivateKey;
}

/** Tells the client which keys the server has, so that it can learn new ones (OpenSSH PROTOCOL §2.5). */
export function announceHostKeys(connection: Connection, hostKeys: readonly ServerHostKey[]): void {
  const writer = new Writer(1024);
  for (const key of inMemory(hostKeys)) writer.string(key.publicKey.blob);
  const data = writer.finish();
  if (data.length > 0) connection.globalRequest("hostkeys-00@openssh.com", data, { wantReply: false });
}

/**
 * The reply to `hostkeys-prove-00@openssh.com`: a signature with each key that is asked about, over this session's
 * identifier. `undefined` where the request is malformed, or asks about a key that is not ours.
 */
export function proveHostKeys(
  request: Uint8Array,
  session: {
    readonly hostKeys: readonly ServerHostKey[];
    readonly sessionId: Uint8Array;
    /** The host-key algorithm of the key exchange. */
    readonly negotiated: string;
    readonly random: RandomSource;
  },
): Uint8Array | undefined {
  const ours = inMemory(session.hostKeys);
  const reader = new Reader(request, "hostkeys-prove-00@openssh.com");
  const proof = new Writer(1024);
  const asked = new Set<PrivateKey>();
  try {
    while (reader.remaining > 0) {
      const blob = reader.string("host key");
      const key = ours.find(({ publicKey }) => equalBytes(publicKey.blob, blob));
      // Each once: what a client can make us sign is bounded by the keys there are.
      if (key === undefined || asked.has(key)) return undefined;
      asked.add(key);
      const names = key.publicKey.algorithms.map(({ name }) => name);
      // OpenSSH expects the algorithm of the key exchange where the key has it.
      const algorithm = names.includes(session.negotiated) ? session.negotiated : names[0]!;
      const data = new Writer(512)
        .string("hostkeys-prove-00@openssh.com")
        .string(session.sessionId)
        .string(blob)
        .finish();
      proof.string(key.sign(algorithm, data, session.random));
    }
  } catch (error) {
    if (error instanceof SshError && error.code === "malformed-message") return undefined;
    throw error;
  }
  return asked.size === 0 ? undefined : proof.finish();
}

function inMemory(hostKeys: readonly ServerHostKey[]): PrivateKey[] {
  return hostKeys.flatMap(({ privateKey }) => (privateKey === undefined ? [] : [privateKey]));
}
