import type { SshError } from "@nacre/wire";
import { checkOpen, usage } from "../../check.ts";
import type { Channel } from "../../mux/channel.ts";
import { openChannel } from "../../mux/open-channel.ts";
import { checkOptions } from "../../options/schema.ts";
import { SessionOpener } from "../../users/session/session-opener.ts";
import type { ConnectionInfo, Driver } from "./driver.ts";
import type { LoggedIn } from "./log-in.ts";
import { SESSION_OPTIONS, type SessionOpenOptions } from "./options.ts";

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
  readonly #connection: ClientConnection;

  /** Call `connect` instead of this constructor. */
  constructor({ driver, info, early, place }: LoggedIn) {
    this.info = info;
    this.ended = driver.ended;
    this.#connection = { driver, sessions: new SessionOpener(driver.mux, early), place };
    connections.set(this, this.#connection);
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

/** The connection of a client, as the functions over clients use it. */
export interface ClientConnection {
  readonly driver: Driver;
  readonly sessions: SessionOpener;
  /** Host and port of the server for messages, if known. */
  readonly place: string | undefined;
}

const connections: WeakMap<Client, ClientConnection> = /* @__PURE__ */ new WeakMap();

/** Returns the connection of a client. Throws `usage` for any other value. */
export function connectionOf(client: Client): ClientConnection {
  const connection = connections.get(client);
  if (connection === undefined) throw usage("the first argument must be a client, which `connect` returns");
  return connection;
}
