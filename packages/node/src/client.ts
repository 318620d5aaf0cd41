import {
  Client as AnyClient,
  type ClientKind,
  type ForwardTarget,
  type ListenAddress,
  type LoggedIn,
} from "nacre/internal";
import type { CallOptions, RemotePath, TransferOptions, TransferResult } from "nacre/sftp";
import { forwardDynamic } from "./forward/dynamic.ts";
import type { Forward, ForwardOptions, LocalForwardOptions, ProxyOptions } from "./forward/forward.ts";
import { ForwardSocket, type SocketOptions } from "./forward/forward-socket.ts";
import { Forwarder, type ForwarderMux } from "./forward/forwarder.ts";
import { forwardLocal } from "./forward/local.ts";
import { forwardRemote, forwardRemoteDynamic } from "./forward/remote.ts";
import { type NodeStreams, nodeStreams } from "./node-streams.ts";
import { NodeProcess } from "./process.ts";
import type { Sftp } from "./sftp.ts";

const nodeClient: ClientKind<NodeStreams, NodeProcess> = {
  streams: nodeStreams,
  makeProcess: (channel) => new NodeProcess(channel),
};

/** A logged-in SSH connection with Node streams. */
export class Client extends AnyClient<NodeStreams, NodeProcess> {
  readonly #mux: ForwarderMux;
  #forwarder: Forwarder | undefined;

  constructor(connection: LoggedIn) {
    super(connection, nodeClient);
    this.#mux = connection.driver.mux;
  }

  /**
   * Listens on this side and forwards each connection to `target` through the server, like `ssh -L`. The default host `"localhost"` listens
   * on both 127.0.0.1 and ::1. Resets a connection if the server refuses its target. Rejects with `listen-failed`, `aborted`, `usage`, or
   * `closed` after the end of the connection.
   */
  forwardLocal(listen: ListenAddress, target: ForwardTarget, options?: LocalForwardOptions): Promise<Forward> {
    return forwardLocal(this.#forwards, listen, target, options);
  }

  /**
   * Makes the server listen and forwards each connection to `target` from this side, like `ssh -R`. If the target cannot be reached, this
   * side rejects the channel and the server closes the connection. Rejects like `listen`, and also with `aborted`.
   */
  forwardRemote(listen: ListenAddress, target: ForwardTarget, options?: ForwardOptions): Promise<Forward> {
    return forwardRemote(this.#forwards, listen, target, options);
  }

  /**
   * Listens on this side as a proxy; the server connects to the requested targets, like `ssh -D`. Supports SOCKS 4, 4a, 5 and HTTP CONNECT.
   * Host names are resolved by the server. Rejects like `forwardLocal`.
   */
  forwardDynamic(listen: ListenAddress, options?: LocalForwardOptions & ProxyOptions): Promise<Forward> {
    return forwardDynamic(this.#forwards, listen, options);
  }

  /**
   * Makes the server listen as a proxy; this side connects to the requested targets, like `ssh -R` with only a port. Every host that can
   * reach the server's port can then reach every host that this machine can reach. Rejects like `forwardRemote`.
   */
  forwardRemoteDynamic(listen: ListenAddress, options?: ForwardOptions & ProxyOptions): Promise<Forward> {
    return forwardRemoteDynamic(this.#forwards, listen, options);
  }

  /**
   * Returns an unconnected socket for a library that accepts one: `new pg.Client({ stream: () => ssh.socket(target)
   * })`. It connects on `connect()`, or on the first read or write. Throws `usage` for an invalid target.
   */
  socket(target: ForwardTarget, options: SocketOptions = {}): ForwardSocket {
    return new ForwardSocket(this.#mux, target, options);
  }

  /**
   * Opens SFTP, with the names of `node:fs/promises` and Node streams. Use `await using`, or call `close()` in the end. Rejects with
   * `channel-request-failed` if the server has no SFTP, `sftp-version`, `channel-open-failed`, `aborted`, `closed` after the end of the
   * connection, or the error that ended it.
   */
  async sftp(options?: CallOptions): Promise<Sftp> {
    // Loaded on demand: most connections move no files.
    const { openSftp } = await import("nacre/sftp");
    return openSftp(this, nodeStreams, options);
  }

  /**
   * Copies a file, or with `recursive` a directory, to the server over a new SFTP channel. `remote` is the path of the copy. See `upload` of
   * `nacre/sftp`. Rejects like `sftp` and `upload`, with `file-unreadable` for local files.
   */
  async upload(local: string, remote: RemotePath, options: TransferOptions = {}): Promise<TransferResult> {
    const [{ upload }, { nodeFiles }] = await Promise.all([import("nacre/sftp"), import("./near-files.ts")]);
    const sftp = await this.sftp({ signal: options.signal });
    try {
      return await upload(sftp, { files: nodeFiles, path: local }, remote, options);
    } finally {
      await sftp.close();
    }
  }

  /**
   * Copies a file, or with `recursive` a directory, from the server over a new SFTP channel. `local` is the path of the copy. See `download`
   * of `nacre/sftp`. Rejects like `sftp` and `download`, with `file-unwritable` for local files.
   */
  async download(remote: RemotePath, local: string, options: TransferOptions = {}): Promise<TransferResult> {
    const [{ download }, { nodeFiles }] = await Promise.all([import("nacre/sftp"), import("./near-files.ts")]);
    const sftp = await this.sftp({ signal: options.signal });
    try {
      return await download(sftp, remote, { files: nodeFiles, path: local }, options);
    } finally {
      await sftp.close();
    }
  }

  get #forwards(): Forwarder {
    this.#forwarder ??= new Forwarder(this.#mux, () => this.remoteListeners, this.ended);
    return this.#forwarder;
  }
}
