import { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";
import type { BaseAgent } from "../agent/agents.ts";
import { callProgram, takeThrown } from "../call-program.ts";
import type { Channel } from "../channel/channel.ts";
import { type ChannelManager, channelsOf, protocolOf } from "../channel/private.ts";
import {
  type ConnectionMux,
  connectionBegins,
  connectionClosed,
  connectionReady,
  DEBUG,
  isWritable,
  MUX,
} from "../connection.ts";
import { ssh2Error } from "../errors.ts";
import { watchHostKeys } from "./announced-keys.ts";
import type { ClientConnection } from "./client-connection.ts";
import { ClientDriver } from "./client-driver.ts";
import * as forwards from "./forwards.ts";
import { noMoreSessions, takesOpenSshRequests } from "./global-requests.ts";
import { type ClientConfig, type ConnectConfig, type ConnectSettings, emptyConfig, readOptions } from "./options.ts";
import type { ClientCallback, ExecOptions, ShellOptions } from "./sessions.ts";
import * as sessions from "./sessions.ts";
import { sftp } from "./sftp.ts";

type Done = (error?: Error) => void;
type ShellWindow = Parameters<typeof sessions.shell>[1];
type SftpEnv = Parameters<typeof sftp>[1];
type SftpCallback = Parameters<typeof sftp>[2];

/** An emitter with the members of `Connection` that symbols name: TypeScript cannot declare those in an exported class. */
const ConnectionEmitter: new () => EventEmitter & {
  [MUX]: ConnectionMux | undefined;
  [DEBUG]: ((line: string) => void) | undefined;
} = EventEmitter as never;

/** A connection to an SSH server, with the API of ssh2's `Client`. */
export class Client extends ConnectionEmitter implements ClientConnection {
  config: ClientConfig = emptyConfig();
  /** Socket or stream of the latest connection. */
  _sock: Duplex | undefined = undefined;
  /** Software version of the server, such as `"OpenSSH_10.0"`. */
  _remoteVer: string | undefined = undefined;
  _chanMgr: ChannelManager | undefined = undefined;
  _protocol: object | undefined = undefined;
  /** Ports that the server forwards to this client, by `"address:port"` of the request. */
  _forwarding: Record<string, number> | undefined = undefined;
  /** Socket paths that the server forwards to this client. */
  _forwardingUnix: Record<string, true> | undefined = undefined;
  /** Number of open channels whose X11 connections are accepted. */
  _acceptX11: number | undefined = undefined;
  _agentFwdEnabled: boolean | undefined = undefined;
  _agent: BaseAgent | undefined = undefined;
  /** Driver of the latest connection. */
  #driver: ClientDriver | undefined;
  /** Drivers of the connections that have not closed. */
  readonly #open = new Set<ClientDriver>();

  /**
   * Connects and logs in, then emits "ready". Throws errors in options. Emits "error" before "end" and "close" if it fails. If the client
   * is connected, ends that connection, and connects after its "close". If the connection is ending already, connects at once, so events
   * of both may alternate.
   */
  connect(config: ConnectConfig): this {
    this.#connect(readOptions(config));
    return this;
  }

  /** Disconnects. Replies to earlier requests still arrive. */
  end(): this {
    this.#driver?.end();
    return this;
  }

  /** Closes the socket at once. */
  destroy(): this {
    this.#driver?.destroy();
    return this;
  }

  /**
   * Exchanges keys now. `callback` is called at the next event "rekey" of this connection. ssh2 documents this method and lacks it. Throws
   * "Not connected" before "ready" and after the end.
   */
  rekey(callback?: () => void): this {
    if (this[MUX] === undefined) throw ssh2Error("Not connected");
    if (callback !== undefined) this.#onceRekeyed(callback);
    this.#driver?.rekey();
    return this;
  }

  /** Runs a command. */
  exec(command: string, options: ExecOptions | ClientCallback | undefined, callback?: ClientCallback): this {
    sessions.exec(this, command, options, callback);
    return this;
  }

  /** Starts a shell, with a terminal unless `window` is false. */
  shell(window: ShellWindow, options?: ShellOptions | ClientCallback | null, callback?: ClientCallback): this {
    sessions.shell(this, window, options, callback);
    return this;
  }

  /** Starts a subsystem. */
  subsys(name: string, callback: ClientCallback): this {
    sessions.subsys(this, name, callback);
    return this;
  }

  /** Starts SFTP. */
  sftp(env: SftpEnv, callback?: SftpCallback): this {
    sftp(this, env, callback);
    return this;
  }

  /** Opens a TCP connection from the server. */
  forwardOut(
    sourceAddress: string,
    sourcePort: number,
    address: string,
    port: number,
    callback?: (error: Error | undefined, channel: Channel) => void,
  ): this {
    forwards.forwardOut(this, sourceAddress, sourcePort, address, port, callback);
    return this;
  }

  /** Listens for TCP connections on the server. Each is an event "tcp connection". */
  forwardIn(address: string, port: number, callback?: (error: Error | undefined, port: number) => void): this {
    forwards.forwardIn(this, address, port, callback);
    return this;
  }

  /** Stops listening for TCP connections on the server. */
  unforwardIn(address: string, port: number, callback?: Done): this {
    forwards.unforwardIn(this, address, port, callback);
    return this;
  }

  /** Opens a connection to a Unix socket of the server (OpenSSH PROTOCOL §2.4). */
  openssh_forwardOutStreamLocal(path: string, callback?: (error: Error | undefined, channel: Channel) => void): this {
    forwards.forwardOutPath(this, path, callback);
    return this;
  }

  /** Listens on a Unix socket of the server (OpenSSH PROTOCOL §2.4). Each connection is an event "unix connection". */
  openssh_forwardInStreamLocal(path: string, callback?: Done): this {
    forwards.forwardInPath(this, path, callback);
    return this;
  }

  /** Stops listening on a Unix socket of the server. */
  openssh_unforwardInStreamLocal(path: string, callback?: Done): this {
    forwards.unforwardInPath(this, path, callback);
    return this;
  }

  /** Tells the server to refuse further sessions (OpenSSH PROTOCOL §2.2). */
  openssh_noMoreSessions(callback?: Done): this {
    noMoreSessions(this, callback);
    return this;
  }

  /** Switches Nagle's algorithm, which is off at first, on (false) or off (true). */
  setNoDelay(noDelay?: boolean): this {
    (this._sock as { setNoDelay?: (noDelay?: boolean) => unknown } | undefined)?.setNoDelay?.(noDelay);
    return this;
  }

  /** Calls `callback` at the next event "rekey" of this connection. */
  #onceRekeyed(callback: () => void): void {
    const rekeyed = (): void => {
      this.off("close", closed);
      callback();
    };
    const closed = (): void => void this.off("rekey", rekeyed);
    this.once("rekey", rekeyed).once("close", closed);
  }

  #connect(settings: ConnectSettings): void {
    if (!isWritable(this._sock)) {
      this.#start(settings);
      return;
    }
    // As in ssh2, a later `end()` does not cancel it.
    this.once("close", () => this.#connect(settings));
    this.end();
  }

  #start(settings: ConnectSettings): void {
    const { config } = settings;
    this.config = config;
    this[DEBUG] = config.debug;
    this._chanMgr = channelsOf(this);
    this._protocol = protocolOf(this, "client", () => void this.end());
    this._forwarding = {};
    this._forwardingUnix = {};
    this._acceptX11 = 0;
    this._agentFwdEnabled = false;
    this._agent = config.agent;
    this._remoteVer = undefined;
    this[MUX] = undefined;
    const calls = connectionBegins(this);
    const driver: ClientDriver = new ClientDriver(settings, {
      emit: (event, ...values) => void this.emit(event, ...values),
      hasListener: (event) => this.listenerCount(event) > 0,
      identified: (softwareVersion) => {
        if (this.#driver === driver) this._remoteVer = softwareVersion;
      },
      ready: (mux, connection) => {
        // A connection that is ending may still log in. As in ssh2, "ready" is emitted unless another one follows.
        if (this.#driver !== driver) return;
        const { isLeaving } = driver;
        // From now on, calls are those of the new connection. Listeners of "close" may add another one.
        for (const other of Array.from(this.#open)) if (other !== driver) other.abandon();
        // They may also have ended this one.
        if (this.#driver !== driver || driver.isLeaving !== isLeaving) return;
        this[MUX] = mux;
        takeThrown(this, (thrown) => driver.thrown(thrown));
        watchHostKeys(
          connection,
          settings.algorithms.hostKeys,
          () => this[MUX] === mux && takesOpenSshRequests(this),
          (keys) => {
            // The program may have connected to another server before the proof arrived.
            if (this[MUX] === mux) callProgram(this, () => void this.emit("hostkeys", keys));
          },
        );
        callProgram(this, () => void this.emit("ready"));
        connectionReady(this);
      },
      broken: () => {
        if (this.#driver !== driver) return;
        this[MUX] = undefined;
        this._acceptX11 = 0;
      },
      closed: () => {
        this.#open.delete(driver);
        connectionClosed(this, calls);
      },
    });
    this.#driver = driver;
    this.#open.add(driver);
    this._sock = driver.socket;
    driver.start();
  }
}
