import {
  AGENT_LIMITS,
  Agent,
  type AgentConnection,
  type AgentConnectionEvent,
  type AgentIdentity,
  type AgentKey,
  type AgentLimits,
} from "@nacre/agent";
import type { PrivateKey } from "@nacre/keys/internal";
import { type Bytes, equalBytes, type Overrides, SshError } from "@nacre/wire";
import {
  checkKey,
  checkLimits,
  checkOptions,
  type Duplex,
  isBytes,
  type OptionRows,
  passphraseNeeded,
} from "nacre/extend";
import { nodeAlgorithms } from "../crypto/algorithms.ts";
import { hash, nodeRandom } from "../crypto/bytes.ts";
import { nodePrivateKey } from "../crypto/private-key.ts";
import { type Bound, bindPath } from "../forward/bind.ts";
import { acceptedDuplex } from "../net/socket-duplex.ts";
import { isWindows, showPath } from "../windows/system.ts";
import { LIST_TIMEOUT } from "./agent.ts";
import { AgentLink } from "./agent-link.ts";
import { type AgentSide, AnsweringDuplex, joinDuplexes } from "./answering-duplex.ts";
import { certificateInFile } from "./certified-identity.ts";
import { expandHome, inFile, isFileText, readIfThere } from "./files.ts";
import { assertPrivate, decryptKey, openKeyFile } from "./key-file.ts";

/** A signature that the user of an agent may refuse. */
export interface AgentConfirmation {
  /** Public key or certificate blob. */
  readonly publicKey: Uint8Array;
  /** Untrusted text, as all names here: escape it before display. */
  readonly comment: string;
  /** User name of the login that is to be signed; `undefined` for any other data. */
  readonly userName: string | undefined;
  /** Blobs of the host keys along the SSH connections that lead from the agent to the client, in this order. */
  readonly hostKeys: readonly Uint8Array[];
  /** Aborts when the client has left. */
  readonly signal: AbortSignal;
}

/** Options of {@link createAgent}. */
export interface CreateAgentOptions {
  /** Decides about a signature of a key that was added with `confirm`. Only `true` permits it. Without it, such keys do not sign. */
  readonly confirm?: ((request: AgentConfirmation) => boolean | Promise<boolean>) | undefined;
  /** Limits that override the defaults. */
  readonly limits?: Overrides<AgentLimits> | undefined;
}

/** Options of `add` of an agent. */
export interface AddKeyOptions extends Omit<AgentKey, "privateKey"> {
  /** Passphrase of an encrypted key file. */
  readonly passphrase?: string | undefined;
}

/** A socket on which an agent answers. */
export interface AgentListener {
  /** Stops listening and removes the socket. Connections go on. Never rejects. */
  close(): Promise<void>;
}

/** An SSH agent in this process. */
export interface SshAgent extends AsyncDisposable {
  /** Whether a client has locked the agent: it shows and uses no key until it is unlocked. */
  readonly isLocked: boolean;
  /**
   * Adds a key, or replaces one with the same blob. A path is a key file; its path is the default comment. As with ssh-add, the
   * certificate beside it, `id_x-cert.pub`, is added too, unless `certificate` is given. Rejects with `usage` for invalid options and too
   * many keys, and as `privateKey` does.
   */
  add(key: PrivateKey | string, options?: AddKeyOptions): Promise<void>;
  /** Returns the keys, oldest first, also while the agent is locked. */
  keys(): AgentIdentity[];
  /** Removes the key with this public key or certificate blob. Returns whether the agent held it. */
  remove(publicKey: Uint8Array): boolean;
  /** Removes all keys. */
  removeAll(): void;
  /** Locks the agent. Resolves with false if it is locked already. */
  lock(passphrase: string): Promise<boolean>;
  /** Unlocks the agent. Resolves with false for a wrong passphrase; each makes the next attempt wait longer. */
  unlock(passphrase: string): Promise<boolean>;
  /** Returns a new connection to the agent. Throws `agent-failed` if there are too many, or after `close`. */
  connect(): Duplex;
  /**
   * Answers on a Unix socket of mode 0600. Rejects with `listen-failed` if the path exists or cannot be created, and with `usage` on
   * Windows, where others could connect.
   */
  listen(path: string): Promise<AgentListener>;
  /** Forgets all keys, ends all connections and stops listening. Resolves when all resources are released. */
  close(): Promise<void>;
}

const CREATE_OPTIONS: OptionRows<CreateAgentOptions> = {
  confirm: "function",
  limits: { type: "object", check: (limits) => checkLimits(limits, AGENT_LIMITS) },
};

const ADD_OPTIONS: OptionRows<AddKeyOptions> = {
  certificate: "bytes",
  comment: "string",
  lifetime: true,
  confirm: "boolean",
  destinations: "array",
  passphrase: "string",
};

/** Longest timer in milliseconds (24 days). A longer one fires immediately. */
const LONGEST_TIMER = 0x7fff_ffff;

/**
 * Makes an SSH agent that holds keys in memory (RFC 9987, with OpenSSH's extensions). Clients can list, use, add and remove keys, and lock
 * it. It refuses smart cards, security keys and libraries named by a path. RSA keys sign with SHA-2 only. Throws `usage`.
 */
export function createAgent(options: CreateAgentOptions = {}): SshAgent {
  checkOptions(options, CREATE_OPTIONS, "`createAgent`");
  return new MemoryAgent(options);
}

class MemoryAgent implements SshAgent {
  readonly #agent: Agent;
  readonly #confirm: CreateAgentOptions["confirm"];
  readonly #connections = new Set<AnsweringDuplex>();
  readonly #listeners = new Set<Bound>();
  /** Ends of connections over sockets. */
  readonly #ends = new Set<Promise<void>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor({ confirm, limits }: CreateAgentOptions) {
    this.#confirm = confirm;
    this.#agent = new Agent({
      crypto: {
        privateKey: nodePrivateKey,
        signatureAlgorithms: nodeAlgorithms.hostKeys,
        hash: (data) => hash("sha256", data, "buffer"),
      },
      random: nodeRandom,
      time: Date.now,
      limits,
    });
  }

  get isLocked(): boolean {
    return this.#agent.isLocked;
  }

  async add(key: PrivateKey | string, options: AddKeyOptions = {}): Promise<void> {
    checkOptions(options, ADD_OPTIONS, "`add`");
    const { passphrase, ...rest } = options;
    let added: AgentKey;
    let certificate: Uint8Array | undefined;
    if (typeof key === "string") {
      added = { privateKey: await keyOfFile(key, passphrase), comment: key, ...rest };
      if (rest.certificate === undefined) certificate = await certificateBeside(key, added.privateKey);
    } else {
      checkKey(key, "a key of an agent");
      added = { privateKey: key, ...rest };
    }
    this.#expectOpen();
    this.#agent.add(added, performance.now());
    if (certificate !== undefined) this.#agent.add({ ...added, certificate }, performance.now());
    this.expire();
  }

  keys(): AgentIdentity[] {
    return this.#agent.keys(performance.now());
  }

  remove(publicKey: Uint8Array): boolean {
    if (!isBytes(publicKey)) throw new SshError("usage", "`remove` expects the blob of a public key");
    return this.#agent.remove(publicKey, performance.now());
  }

  removeAll(): void {
    this.#agent.removeAll();
  }

  lock(passphrase: string): Promise<boolean> {
    return this.#ask((client, waiter) => client.lock(new TextEncoder().encode(passphrase), waiter));
  }

  unlock(passphrase: string): Promise<boolean> {
    return this.#ask((client, waiter) => client.unlock(new TextEncoder().encode(passphrase), waiter));
  }

  connect(): Duplex {
    this.#expectOpen();
    const connection = this.#agent.connect();
    if (connection === undefined)
      throw new SshError("agent-failed", "the agent has too many connections (`maxConnections`)");
    const side = new ConnectionSide(connection, this.#confirm, {
      answered: () => this.expire(),
      closed: () => this.#connections.delete(duplex),
    });
    const duplex: AnsweringDuplex = new AnsweringDuplex(side);
    this.#connections.add(duplex);
    return duplex;
  }

  async listen(path: string): Promise<AgentListener> {
    if (typeof path !== "string" || path === "") throw new SshError("usage", "`listen` expects the path of a socket");
    if (isWindows())
      throw new SshError("usage", "an agent cannot listen on Windows, where other users could connect to its pipe");
    this.#expectOpen();
    let bound: Bound;
    try {
      bound = await bindPath(path, {
        onSocket: (socket) => {
          let agent: Duplex;
          try {
            agent = this.connect();
          } catch {
            socket.destroy();
            return;
          }
          const client = acceptedDuplex(socket);
          const end = new Promise<void>((resolve) => joinDuplexes(client, agent, resolve));
          this.#ends.add(end);
          void end.then(() => this.#ends.delete(end));
        },
      });
    } catch (cause) {
      throw new SshError("listen-failed", `cannot listen on ${showPath(path)}: ${showPath((cause as Error).message)}`, {
        cause,
      });
    }
    const listener = {
      close: async (): Promise<void> => {
        if (this.#listeners.delete(bound)) await bound.close();
      },
    };
    this.#listeners.add(bound);
    if (this.#isClosed) await listener.close();
    return listener;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#agent.removeAll();
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    await Promise.all([
      ...listeners.map((bound) => bound.close()),
      ...[...this.#connections].map((connection) => connection.stop(closedError())),
      ...this.#ends,
    ]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Frees the keys whose lifetime is over, now and when the next one is. */
  expire(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    this.#agent.tick(now);
    const { deadline } = this.#agent;
    if (deadline === undefined || this.#isClosed) return;
    this.#timer = setTimeout(() => this.expire(), Math.min(deadline - now + 1, LONGEST_TIMER));
    this.#timer.unref();
  }

  #expectOpen(): void {
    if (this.#isClosed) throw closedError();
  }

  async #ask(send: Parameters<AgentLink["request"]>[0]): Promise<boolean> {
    const link = new AgentLink(this.connect(), "`createAgent`");
    try {
      return (await link.request(send, { timeout: LIST_TIMEOUT })).type === "success";
    } finally {
      await link.close();
    }
  }
}

function closedError(): SshError {
  return new SshError("agent-failed", "the agent is closed");
}

async function keyOfFile(path: string, passphrase: string | undefined): Promise<PrivateKey> {
  if (isFileText(path))
    throw new SshError("usage", "`add` expects a key or the path of a key file; pass `await privateKey(text)`");
  const file = expandHome(path);
  const bytes = await readIfThere(file);
  if (bytes === undefined) throw new SshError("file-unreadable", `cannot read ${showPath(path)}: no such file`);
  try {
    await assertPrivate(file);
    const opened = await openKeyFile(bytes, undefined);
    if (!opened.encrypted) return opened.privateKey;
    if (passphrase === undefined) throw passphraseNeeded();
    return (await decryptKey(opened, passphrase, undefined)).privateKey;
  } catch (cause) {
    throw inFile(path, cause);
  }
}

/** Returns the certificate of a key file's key; `undefined` if there is none, or one of another key. */
async function certificateBeside(path: string, { publicKey }: PrivateKey): Promise<Uint8Array | undefined> {
  const file = `${path}-cert.pub`;
  const bytes = await readIfThere(expandHome(file));
  try {
    const certificate = bytes && certificateInFile(bytes);
    return certificate && equalBytes(certificate.publicKey.blob, publicKey.blob) ? certificate.blob : undefined;
  } catch (cause) {
    throw inFile(file, cause);
  }
}

/** One connection of an agent. */
class ConnectionSide implements AgentSide {
  readonly #connection: AgentConnection;
  readonly #confirm: CreateAgentOptions["confirm"];
  readonly #on: { readonly answered: () => void; readonly closed: () => void };
  readonly #over = new AbortController();

  constructor(
    connection: AgentConnection,
    confirm: CreateAgentOptions["confirm"],
    on: { readonly answered: () => void; readonly closed: () => void },
  ) {
    this.#connection = connection;
    this.#confirm = confirm;
    this.#on = on;
  }

  receive(bytes: Uint8Array): boolean {
    this.#connection.receive(bytes);
    return this.#connection.wantsInput;
  }

  async next(): Promise<Bytes | undefined> {
    const connection = this.#connection;
    for (;;) {
      const event = connection.nextEvent(performance.now());
      if (event?.type === "confirm") await this.#ask(event);
      if (event?.type === "closed") throw event.error ?? new SshError("agent-failed", "the connection has ended");
      if (event?.type === "answered") this.#on.answered();
      const answer = connection.unsent.slice();
      connection.sent(answer.length);
      if (answer.length > 0) return answer;
      if (event !== undefined) continue;
      const { deadline } = connection;
      if (deadline === undefined || this.#over.signal.aborted) return undefined;
      // Wrong passphrases make the next one wait.
      await this.#until(deadline);
    }
  }

  close(): void {
    this.#over.abort();
    this.#connection.close();
    this.#on.closed();
  }

  async #ask({ token, ...event }: Extract<AgentConnectionEvent, { type: "confirm" }>): Promise<void> {
    const { publicKey, comment, userName, hostKeys } = event;
    let verdict: unknown;
    try {
      verdict = await this.#confirm?.({ publicKey, comment, userName, hostKeys, signal: this.#over.signal });
    } catch {
      // Refused.
    }
    // rule: agent-confirm-verdict
    this.#connection.confirm(token, verdict === true, performance.now());
  }

  #until(deadline: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, Math.max(0, deadline - performance.now()) + 1);
      const { signal } = this.#over;
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      }
      signal.addEventListener("abort", done);
    });
  }
}
