import { isCertified, type SignatureAlgorithm } from "@nacre/keys/internal";
import { equalBytes, MAX_UINT32, Reader, SshError, Writer } from "@nacre/wire";
import type { ClientContext, ClientPart, ClientUser } from "../client/client-user.ts";

const ANNOUNCEMENT = "hostkeys-00@openssh.com";
const PROOF = "hostkeys-prove-00@openssh.com";

/** Host keys that the server announced after the login, so that the client can replace old ones (OpenSSH PROTOCOL §2.5). */
export interface AnnouncedHostKeys {
  /**
   * Public key blobs of all its keys, without certificates. The key of this connection is among them. The server has proved to hold that
   * one alone.
   */
  readonly all: readonly Uint8Array[];
  /** Those that this connection could verify: their signature algorithms are offered for host keys. */
  readonly verifiable: readonly Uint8Array[];
  /**
   * Asks the server to prove that it holds the private keys of these keys. Rejects unless every proof is valid: with `bad-signature`, or
   * the error that ended the connection.
   */
  readonly prove: (keys: readonly Uint8Array[]) => Promise<void>;
}

/** Options of `connect` for new host keys. */
export interface HostKeysConnectOptions {
  readonly updateHostKeys?: HostKeysUpdater | undefined;
}

/** Replaces the host keys that a client knows of a server. */
export interface HostKeysUpdater {
  /** Signature algorithms of host keys: those offered for the connection. */
  readonly algorithms: readonly SignatureAlgorithm[];
  /**
   * Called at most once for a connection, when the server has announced its host keys. Store none before `prove` has resolved. A rejection
   * is ignored.
   */
  update(announced: AnnouncedHostKeys): Promise<void>;
}

/** Limits of announced host keys. */
export interface HostKeysLimits {
  /** Maximum number of host keys in a server's announcement; default 32. An announcement with more is ignored. */
  readonly maxHostKeys: number;
}

export interface HostKeysClientTypes {
  readonly options: HostKeysConnectOptions;
  readonly limits: HostKeysLimits;
}

/** Replacement of host keys: a server announces all its keys and proves them. */
export const hostKeysClient: ClientUser<HostKeysClientTypes> = {
  options: { updateHostKeys: { type: "object", scope: "machine" } },
  limits: { maxHostKeys: { default: 32, least: 0, most: MAX_UINT32, unit: "keys" } },
  isUsed: ({ updateHostKeys }) => updateHostKeys !== undefined,
  channels: [],
  begin: (context) => new HostKeyUpdates(context),
};

class HostKeyUpdates implements ClientPart {
  readonly #context: ClientContext<HostKeysClientTypes>;
  #isAnnounced = false;

  constructor(context: ClientContext<HostKeysClientTypes>) {
    this.#context = context;
    context.mux.onGlobalRequest(ANNOUNCEMENT, (request) => {
      // OpenSSH's sshd wants no reply.
      request.reply(true);
      // rule: host-keys-once
      if (this.#isAnnounced) return;
      this.#isAnnounced = true;
      const announced = this.#read(request.data);
      // The connection is as good without new keys, so an update that fails leaves it alone.
      if (announced !== undefined) context.options.updateHostKeys!.update(announced).catch(() => {});
    });
  }

  sessionRequests(): readonly [] {
    return [];
  }

  closed(): void {}

  /**
   * Reads an announcement. Returns `undefined` if it is malformed or too long, repeats a key, or lacks the key of this connection: a host
   * that presented a certificate need not be known by its keys.
   */
  #read(data: Uint8Array): AnnouncedHostKeys | undefined {
    const { limits, server, options } = this.#context;
    const strings = readStrings(data, limits.maxHostKeys);
    if (strings === undefined) return undefined;
    // rule: host-keys-plain
    const all = strings.filter((key) => !isCertified(formatOf(key) ?? ""));
    const count = (key: Uint8Array): number => all.filter((one) => equalBytes(one, key)).length;
    // rule: host-keys-current
    if (count(server.serverProof!.hostKey) !== 1) return undefined;
    if (all.some((key) => count(key) !== 1)) return undefined;
    const { algorithms } = options.updateHostKeys!;
    const verifiable = all.filter((key) => algorithms.some(({ keyFormat }) => keyFormat === formatOf(key)));
    return { all, verifiable, prove: (keys) => this.#prove(keys) };
  }

  #prove(keys: readonly Uint8Array[]): Promise<void> {
    const request = new Writer(1024);
    for (const key of keys) request.string(key);
    return new Promise((resolve, reject) => {
      this.#context.mux.globalRequest(PROOF, request.finish(), (reply) => {
        if (reply.success && this.#areProofs(reply.data, keys)) resolve();
        else if (!reply.success && reply.error !== undefined) reject(reply.error);
        else reject(new SshError("bad-signature", "the server did not prove that it has the host keys it announced"));
      });
    });
  }

  /** Returns whether `reply` holds one valid signature for each key, in order, and nothing else. */
  #areProofs(reply: Uint8Array, keys: readonly Uint8Array[]): boolean {
    const signatures = readStrings(reply, keys.length);
    // rule: host-key-proofs
    if (signatures?.length !== keys.length) return false;
    return keys.every((key, index) => this.#isProof(key, signatures[index]!));
  }

  #isProof(key: Uint8Array, signature: Uint8Array): boolean {
    const { options, server } = this.#context;
    const format = formatOf(key);
    // An RSA key signs with the algorithm of the key exchange, if that was an RSA key's.
    const negotiated = server.negotiated!.hostKey;
    const algorithms =
      negotiated.keyFormat === format
        ? [negotiated]
        : options.updateHostKeys!.algorithms.filter(({ keyFormat }) => keyFormat === format);
    const data = new Writer(512).string(PROOF).string(server.serverProof!.sessionId).string(key).finish();
    return algorithms.some((algorithm) => {
      try {
        // rule: host-key-proof
        return algorithm.verify(key, data, signature) !== undefined;
      } catch (error) {
        if (error instanceof SshError) return false;
        throw error;
      }
    });
  }
}

/** Reads strings that fill `data`. Returns `undefined` if they do not, or are more than `most`. */
function readStrings(data: Uint8Array, most: number): Uint8Array[] | undefined {
  const reader = new Reader(data, ANNOUNCEMENT);
  const strings: Uint8Array[] = [];
  try {
    while (reader.remaining > 0) {
      // rule: host-keys-count
      if (strings.length === most) return undefined;
      strings.push(reader.string("host key"));
    }
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
  return strings;
}

/** Returns the key format that a blob begins with; `undefined` if it is no public key. */
function formatOf(blob: Uint8Array): string | undefined {
  try {
    return new Reader(blob, "host key").text("format");
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}
