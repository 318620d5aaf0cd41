import type { ClientProtocolEvent } from "@nacre/protocol";
import type { NegotiatedAlgorithms } from "@nacre/transport";
import type { Bytes, SshError } from "@nacre/wire";
import { checkOpen, checkSignal, usage } from "../../check.ts";
import type { Channel } from "../../mux/channel.ts";
import type { Mux } from "../../mux/mux.ts";
import { openChannel } from "../../mux/open-channel.ts";
import { checkOptions, type OptionRows } from "../../options/schema.ts";
import type { EncodedRequest } from "./client-user.ts";

/** A host key for the application to accept or refuse. The server has proved that it holds the private key. */
export interface HostKey {
  /** Algorithm of the server's signature, such as `"rsa-sha2-512"`. */
  readonly algorithm: string;
  /** Public key blob (RFC 4253 §6.6). */
  readonly blob: Bytes;
  /** `"SHA256:…"`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
}

/** Facts about an authenticated connection. */
export interface ConnectionInfo {
  /** The server's identification string, such as `"SSH-2.0-OpenSSH_10.0"`. */
  readonly peerVersion: string;
  readonly negotiated: NegotiatedAlgorithms;
  readonly hostKey: HostKey;
}

/** Options for opening a session channel. */
export interface SessionOpenOptions {
  /** Aborts the call with `aborted`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether to wait if the server refuses the session while others of this connection are open, as sshd does beyond `MaxSessions` (10 by
   * default there); default true. The call tries again when another session ends. After 60 seconds it fails with `channel-open-failed`.
   */
  readonly queue?: boolean | undefined;
}

export const SESSION_OPTIONS: OptionRows<SessionOpenOptions> = { signal: { check: checkSignal }, queue: "boolean" };

/** A connection that a client drives, after the login. */
export interface ClientDriver {
  readonly mux: Mux<ClientProtocolEvent>;
  /** Resolves with the reason when the connection has ended. Never rejects. */
  readonly ended: Promise<SshError>;
  /** Encodes terminal modes by name, if the program passed this code. */
  readonly encodeModes: ((modes: Readonly<Record<string, number>>) => Uint8Array) | undefined;
  /** Returns requests to send on a session right before those of its command. */
  sessionRequests(): readonly EncodedRequest[];
  /** Starts a key exchange now. */
  rekey(): void;
  /** Disconnects. Resolves when all resources are released. */
  close(): Promise<void>;
}

/** Opens the session channels of a client. */
export interface SessionSource {
  /** Resolves with a session channel. The first is the one that was opened together with the login, if any. */
  open(options: SessionOpenOptions): Promise<Channel>;
}

/** A logged-in connection, ready to make a client. */
export interface LoggedIn {
  readonly driver: ClientDriver;
  readonly info: ConnectionInfo;
  readonly sessions: SessionSource;
  /** Host and port of the server for messages, if known. */
  readonly place?: string | undefined;
}

/**
 * A logged-in SSH connection. Any number of commands and forwarded connections can share it. What it is used for are functions, such as
 * `exec(client, command)` and `dial(client, target)`. The clients of `nacre`, `@nacre/node` and `@nacre/web` have them as methods.
 */
export class Client implements AsyncDisposable {
  /** Server version, negotiated algorithms and host key. */
  readonly info: ConnectionInfo;
  /**
   * Resolves with the error that ended the connection; its code is `closed` after `close()`. Never rejects. Later calls reject with a new
   * error that has the same code and culprit, and this error as `cause`.
   */
  readonly ended: Promise<SshError>;
  readonly #connection: LoggedIn;

  /** Call `connect` instead of this constructor. */
  constructor(connection: LoggedIn) {
    this.info = connection.info;
    this.ended = connection.driver.ended;
    this.#connection = connection;
    connections.set(this, connection);
  }

  /**
   * Opens a channel of any type (RFC 4254 §5.1). `data` is type-specific. Set the channel's `handler` to receive its events; until then
   * they are buffered, bounded by the window. Rejects with `channel-open-failed`, `channel-limit`, `usage` for an invalid type, or the
   * error that ended the connection.
   *
   * A channel of type "session" is the one that was opened with the login, unless a command uses it already. `options` apply to that type
   * alone.
   */
  async openChannel(channelType: string, data?: Uint8Array, options: SessionOpenOptions = {}): Promise<Channel> {
    checkOptions(options, SESSION_OPTIONS, "`openChannel`");
    if (channelType === "session" && data === undefined) return this.#connection.sessions.open(options);
    checkOpen(channelType, data);
    return openChannel(this.#connection.driver.mux, channelType, data);
  }

  /** Starts a key exchange now, before a rekey limit is reached. */
  rekey(): void {
    this.#connection.driver.rekey();
  }

  /** Disconnects. Resolves when the connection and all its resources are released. Running commands fail with `closed`. */
  close(): Promise<void> {
    return this.#connection.driver.close();
  }

  /** Calls `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const connections: WeakMap<Client, LoggedIn> = /* @__PURE__ */ new WeakMap();

/** Returns the connection of a client, for the functions over clients. Throws `usage` for any other value. */
export function connectionOf(client: Client): LoggedIn {
  const connection = connections.get(client);
  if (connection === undefined) throw usage("the first argument must be a client, which `connect` returns");
  return connection;
}
