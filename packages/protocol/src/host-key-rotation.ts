import type { Connection } from "@nacre/connection";
import { isCertified, type PrivateKey, type PublicKey } from "@nacre/keys/internal";
import { equalBytes, type RandomSource, Reader, SshError, Writer } from "@nacre/wire";

/** A host key of a server. */
export interface ServerHostKey {
  readonly publicKey: PublicKey;
  /** Private key in memory. If missing, an event asks for each signature; answer it with `answerHostKeySignature`. */
  readonly privateKey?: PrivateKey;
}

/** Announces the server's host keys, so that the client can learn new ones (OpenSSH PROTOCOL §2.5). */
export function announceHostKeys(connection: Connection, hostKeys: readonly ServerHostKey[]): void {
  const writer = new Writer(1024);
  for (const key of inMemory(hostKeys)) writer.string(key.publicKey.blob);
  const data = writer.finish();
  if (data.length > 0) connection.globalRequest("hostkeys-00@openssh.com", data, { wantReply: false });
}

/**
 * Returns the reply to `hostkeys-prove-00@openssh.com`: a signature over the session identifier with each requested key. Returns
 * `undefined` if the request is malformed or names a key that is not ours.
 */
export function proveHostKeys(
  request: Uint8Array,
  context: {
    readonly hostKeys: readonly ServerHostKey[];
    readonly sessionId: Uint8Array;
    /** Host key algorithm of the key exchange. */
    readonly negotiated: string;
    readonly random: RandomSource;
  },
): Uint8Array | undefined {
  const ours = inMemory(context.hostKeys);
  const reader = new Reader(request, "hostkeys-prove-00@openssh.com");
  const proof = new Writer(1024);
  const asked = new Set<PrivateKey>();
  try {
    while (reader.remaining > 0) {
      const blob = reader.string("host key");
      const key = ours.find(({ publicKey }) => equalBytes(publicKey.blob, blob));
      // Sign with each key at most once, so that a client cannot request more signatures than there are keys.
      if (key === undefined || asked.has(key)) return undefined;
      asked.add(key);
      const names = key.publicKey.algorithms.map(({ name }) => name);
      // OpenSSH expects the key exchange's algorithm if the key supports it.
      const algorithm = names.includes(context.negotiated) ? context.negotiated : names[0]!;
      const data = new Writer(512)
        .string("hostkeys-prove-00@openssh.com")
        .string(context.sessionId)
        .string(blob)
        .finish();
      proof.string(key.sign(algorithm, data, context.random));
    }
  } catch (error) {
    if (error instanceof SshError && error.code === "malformed-message") return undefined;
    throw error;
  }
  return asked.size === 0 ? undefined : proof.finish();
}

/** Returns the plain keys in memory. Clients remember those, never certificates, which are renewed. */
function inMemory(hostKeys: readonly ServerHostKey[]): PrivateKey[] {
  // rule: announced-plain-keys
  const plain = hostKeys.filter(({ publicKey }) => !isCertified(publicKey.format));
  return plain.flatMap(({ privateKey }) => (privateKey === undefined ? [] : [privateKey]));
}
