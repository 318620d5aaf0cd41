import type { PrivateKey } from "@nacre/keys/internal";
import { completeLimits, copyBytes, type Overrides, type RandomSource, Reader, SshError } from "@nacre/wire";
import type { AgentIdentity } from "../messages/answers.ts";
import { type Destination, encodeConstraints, readConstraints } from "../messages/constraints.ts";
import { AgentConnection } from "./connection.ts";
import { KeyStore } from "./key-store.ts";
import { AGENT_LIMITS, type AgentLimits } from "./limits.ts";
import { Lock } from "./lock.ts";
import type { Time } from "./session-binds.ts";
import type { AgentCrypto, SharedAgent } from "./shared-agent.ts";

/** Options of `Agent`. */
export interface AgentOptions {
  readonly crypto: AgentCrypto;
  /** Source of salts, and of the blinding of RSA keys. */
  readonly random: RandomSource;
  /**
   * Returns the time in milliseconds since 1970, by which hosts' certificates are valid. Without it, a key that is restricted to hosts of
   * an authority cannot be used.
   */
  readonly time?: Time;
  /** Limits; missing ones have their defaults. */
  readonly limits?: Overrides<AgentLimits> | undefined;
}

/** A key that a program adds to its own agent. */
export interface AgentKey {
  readonly privateKey: PrivateKey;
  /** Certificate blob (OpenSSH PROTOCOL.certkeys). The agent lists it in place of the key, and does not check whether it fits the key. */
  readonly certificate?: Uint8Array | undefined;
  /** Shown when keys are listed; default empty. */
  readonly comment?: string | undefined;
  /** Seconds after which the agent forgets the key; default never. */
  readonly lifetime?: number | undefined;
  /** Whether each signature is asked for first; default false. */
  readonly confirm?: boolean | undefined;
  /** Hosts that the key may log in to, at least one; default all. */
  readonly destinations?: readonly Destination[] | undefined;
}

/**
 * An SSH agent (RFC 9987, with OpenSSH's extensions), as a pure state machine: keys in memory, and any number of connections that use them.
 * `now` is the time in milliseconds of one monotonic clock, in every call.
 *
 * Keys that clients add are held with their constraints. Smart cards, security keys and libraries named by a path are refused
 * (CVE-2023-38408). RSA keys sign with SHA-2 only.
 */
export class Agent {
  readonly #shared: SharedAgent;

  /** Throws `usage` if a limit is out of range. */
  constructor({ crypto, random, time, limits }: AgentOptions) {
    const complete = completeLimits(AGENT_LIMITS, limits);
    this.#shared = {
      crypto,
      random,
      time,
      limits: complete,
      keys: new KeyStore(complete.maxKeys),
      lock: new Lock(crypto.hash, random),
      connections: new Set(),
    };
  }

  /** Whether a client has locked the agent. */
  get isLocked(): boolean {
    return this.#shared.lock.isLocked;
  }

  /** Number of open connections. */
  get connectionCount(): number {
    return this.#shared.connections.size;
  }

  /** Time of the next call of `tick`; `undefined` for none. Connections have deadlines of their own. */
  get deadline(): number | undefined {
    return this.#shared.keys.deadline;
  }

  /** Frees the keys whose lifetime is over. No request can use them even before that. */
  tick(now: number): void {
    this.#shared.keys.all(now);
  }

  /** Opens a connection. Returns `undefined` if there are too many: close the socket then. */
  connect(): AgentConnection | undefined {
    const { connections, limits } = this.#shared;
    // rule: agent-connections
    if (connections.size >= limits.maxConnections) return undefined;
    const connection = new AgentConnection(this.#shared);
    connections.add(connection);
    return connection;
  }

  /** Returns the keys held, oldest first, also while the agent is locked. */
  keys(now: number): AgentIdentity[] {
    return this.#shared.keys.all(now).map(({ publicKey, comment }) => ({ publicKey, comment }));
  }

  /** Adds a key, or replaces one with the same blob. Throws `usage` for invalid constraints, and if there are too many keys. */
  add({ privateKey, certificate, comment = "", ...constraints }: AgentKey, now: number): void {
    const { lifetime, confirm = false, destinations } = checked(constraints);
    const held = {
      publicKey: copyBytes(certificate ?? privateKey.publicKey.blob),
      privateKey,
      comment,
      expires: lifetime === undefined ? undefined : now + lifetime * 1000,
      confirm,
      destinations,
    };
    if (!this.#shared.keys.put(held, now))
      throw new SshError("usage", `the agent cannot hold more keys; remove some, or raise \`maxKeys\``);
  }

  /** Removes the key with this public key or certificate blob. Returns whether the agent held it. */
  remove(publicKey: Uint8Array, now: number): boolean {
    const { keys } = this.#shared;
    const held = keys.find(publicKey, now);
    if (held !== undefined) keys.remove(held);
    return held !== undefined;
  }

  /** Removes all keys. */
  removeAll(): void {
    this.#shared.keys.clear();
  }
}

/** Returns a copy of constraints that are valid on the wire. Throws `usage`. */
function checked(constraints: Pick<AgentKey, "lifetime" | "confirm" | "destinations">): typeof constraints {
  return readConstraints(new Reader(encodeConstraints(constraints), "constraints of a key", { code: "usage" }));
}
