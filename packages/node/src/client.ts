import {
  Client as AnyClient,
  type ClientKind,
  type ForwardTarget,
  type ListenAddress,
  type LoggedIn,
} from "nacre/internal";
import { forwardDynamic } from "./forward/dynamic.ts";
import type { Forward, ForwardOptions, LocalForwardOptions, ProxyOptions } from "./forward/forward.ts";
import { ForwardSocket, type SocketOptions } from "./forward/forward-socket.ts";
import { Forwarder, type ForwarderMux } from "./forward/forwarder.ts";
import { forwardLocal } from "./forward/local.ts";
import { forwardRemote, forwardRemoteDynamic } from "./forward/remote.ts";
import { type NodeStreams, nodeStreams } from "./node-streams.ts";
import { NodeProcess } from "./process.ts";

const nodeClient: ClientKind<NodeStreams, NodeProcess> = {
  streams: nodeStreams,
  makeProcess: (channel) => new NodeProcess(channel),
};

/** An SSH connection that is logged in, with Node streams. */
export class Client extends AnyClient<NodeStreams, NodeProcess> {
  readonly #mux: ForwarderMux;
  #forwarder: Forwarder | undefined;

  constructor(connection: LoggedIn) {
    super(connection, nodeClient);
    this.#mux = connection.driver.mux;
  }

  /**
   * Listens on this side and forwards each connection to `target`, which the server connects to: `ssh -L`. The host `"localhost"`, the default,
   * is both 127.0.0.1 and ::1. A connection whose target the server refuses is reset. Rejects with `listen-failed`, `aborted`, `usage`, or
   * `closed` after the end of the connection.
   */
  forwardLocal(listen: ListenAddress, target: ForwardTarget, options?: LocalForwardOptions): Promise<Forward> {
    return forwardLocal(this.#forwards, listen, target, options);
  }

  /**
   * Makes the server listen and forwards each connection to `target`, which this side connects to: `ssh -R`. The server refuses a connection
   * whose target cannot be reached. Rejects as `listen` does, and with `aborted`.
   */
  forwardRemote(listen: ListenAddress, target: ForwardTarget, options?: ForwardOptions): Promise<Forward> {
    return forwardRemote(this.#forwards, listen, target, options);
  }

  /**
   * Listens on this side as a proxy whose targets the server connects to: `ssh -D`. Clients use SOCKS 4, 4a or 5 or HTTP CONNECT, and the
   * server looks names up. Rejects as `forwardLocal` does.
   */
  forwardDynamic(listen: ListenAddress, options?: LocalForwardOptions & ProxyOptions): Promise<Forward> {
    return forwardDynamic(this.#forwards, listen, options);
  }

  /**
   * Makes the server listen as a proxy whose targets this side connects to: `ssh -R` with a port alone. Every host that can connect to the server's
   * port can then reach every host that this machine can. Rejects as `forwardRemote` does.
   */
  forwardRemoteDynamic(listen: ListenAddress, options?: ForwardOptions & ProxyOptions): Promise<Forward> {
    return forwardRemoteDynamic(this.#forwards, listen, options);
  }

  /**
   * Returns a socket that is not connected yet, for what takes a socket of its own: `new pg.Client({ stream: () => ssh.socket(target) })`. It
   * opens on `connect()`, or when it is first read or written. Throws `usage` for an invalid target.
   */
  socket(target: ForwardTarget, options: SocketOptions = {}): ForwardSocket {
    return new ForwardSocket(this.#mux, target, options);
  }

  get #forwards(): Forwarder {
    this.#forwarder ??= new Forwarder(this.#mux, () => this.remoteListeners, this.ended);
    return this.#forwarder;
  }
}
