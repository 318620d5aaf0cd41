import type { Channel } from "../../mux/channel.ts";
import type { StreamKind, StreamTypes } from "../../streams/stream-kind.ts";
import type { WebStreams } from "../../streams/web-streams.ts";
import { type DialOptions, dial, dialChannel } from "../../users/forward/dial.ts";
import { type ListenAddress, type RemoteListener, RemoteListeners } from "../../users/forward/remote-listener.ts";
import type { ForwardTarget } from "../../users/forward/target.ts";
import type { Process } from "../../users/session/process.ts";
import { BaseClient, type ClientKind, type LoggedIn, webClient } from "./base-client.ts";

/** Authenticated SSH connection. Any number of commands and forwarded connections can share it. */
export class Client<K extends StreamTypes = WebStreams, P = Process> extends BaseClient<K, P> {
  readonly #streams: StreamKind<K>;
  /** Listeners on the server; created on first use. */
  #remote: RemoteListeners | undefined;

  /** Call `connect`, or `connectDuplex` for other byte connections, instead of this constructor. */
  constructor(connection: LoggedIn, kind: ClientKind<K, P>) {
    super(connection, kind);
    this.#streams = kind.streams;
  }

  /**
   * Connects from the server to a TCP port or a Unix socket, and returns the connection as a pair of byte streams (RFC 4254 §7.2, OpenSSH
   * PROTOCOL §2.4).
   *
   * Rejects with `forward-denied` if the server prohibits it, `forward-unreachable` if it cannot connect, `forward-unsupported` if it does
   * not support the channel type, `forward-limit` if it is short of resources, or `channel-open-failed` for another reason. Also rejects
   * with `channel-limit`, `aborted`, `usage`, or the error that ended the connection.
   */
  async dial(target: ForwardTarget, options: DialOptions = {}): Promise<K["pair"]> {
    return await dial(this.mux, this.#streams, target, options);
  }

  /** Connects as `dial` does, but returns the channel, for callbacks instead of streams. Rejects as `dial` does. */
  dialChannel(target: ForwardTarget, options: DialOptions = {}): Promise<Channel> {
    return dialChannel(this.mux, target, options);
  }

  /**
   * Makes the server listen (RFC 4254 §7.1, OpenSSH PROTOCOL §2.4). Iterate the returned listener to receive connections. With port 0 the
   * server chooses the port. Rejects with `forward-denied` if the server refuses, `usage`, or the error that ended the connection.
   * Waits for the answer as long as the connection lasts; the keepalive ends it if the server sends nothing.
   */
  listen(address: ListenAddress): Promise<RemoteListener<K>> {
    return this.remoteListeners.listen(address, this.#streams);
  }

  /** Listeners on the server, with callbacks. For subclasses. */
  protected get remoteListeners(): RemoteListeners {
    this.#remote ??= new RemoteListeners(this.mux, this.ended);
    return this.#remote;
  }
}

/** Makes a client with Web streams and forwarding. Pass it to `connect` of `nacre/core`. */
export function forwardingClient(connection: LoggedIn): Client {
  return new Client(connection, webClient);
}
