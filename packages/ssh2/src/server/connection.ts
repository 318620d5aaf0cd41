import { EventEmitter } from "node:events";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type ChannelManager, channelsOf, type Protocol, protocolOf } from "../channel/private.ts";
import { type ConnectionMux, connectionBegins, DEBUG, MUX } from "../connection.ts";
import { ssh2Error } from "../errors.ts";
import { type ChannelCallback, openAgent, openForwarded, openForwardedSocket, openX11 } from "./outgoing.ts";
import { type ConnectionDriver, DRIVER, type ServedClient } from "./served-client.ts";
import { type ConnectionOptions, ServerDriver } from "./server-driver.ts";

/** An emitter with the members that symbols name: TypeScript cannot declare those in an exported class. */
const ConnectionEmitter: new () => EventEmitter & {
  [MUX]: ConnectionMux | undefined;
  [DEBUG]: ((line: string) => void) | undefined;
  [DRIVER]: ConnectionDriver | undefined;
} = EventEmitter as never;

/**
 * A server's connection to one client. It emits "authentication" for each login attempt, then "ready", and "session", "tcpip",
 * "openssh.streamlocal" and "request" for each request of the client. Requests without a listener are refused. "error" is emitted at most
 * once, before "end" and "close".
 */
export class IncomingClient extends ConnectionEmitter implements ServedClient {
  _sock: Duplex | undefined = undefined;
  /** Whether the client has logged in. */
  authenticated: boolean = false;
  /** Whether further sessions are refused: the client gave them up, or the application set it. */
  noMoreSessions: boolean = false;
  readonly _chanMgr: ChannelManager;
  /** Methods that send one message, as programs call them on ssh2's private object. */
  readonly _protocol: Protocol;

  constructor(socket: Duplex, debug: ((line: string) => void) | undefined) {
    super();
    this[DEBUG] = debug;
    this._sock = socket;
    this._chanMgr = channelsOf(this);
    this._protocol = protocolOf(this, "server", () => this.end());
    connectionBegins(this);
  }

  /** Disconnects. Handles the client's input until its FIN, at most two seconds. */
  end(): this {
    this[DRIVER]?.end();
    return this;
  }

  /** Opens a channel for a connection to an address that the client forwards with "tcpip-forward". */
  forwardOut(
    boundAddress: string,
    boundPort: number,
    remoteAddress: string,
    remotePort: number,
    callback: ChannelCallback,
  ): this {
    openForwarded(this, { boundAddress, boundPort, remoteAddress, remotePort }, callback);
    return this;
  }

  /** Opens a channel for a connection to a socket path that the client forwards with "streamlocal-forward@openssh.com". */
  openssh_forwardOutStreamLocal(socketPath: string, callback: ChannelCallback): this {
    openForwardedSocket(this, socketPath, callback);
    return this;
  }

  /** Opens a channel for a connection of an X11 program. */
  x11(originAddress: string, originPort: number, callback: ChannelCallback): this {
    openX11(this, { originAddress, originPort }, callback);
    return this;
  }

  /** Opens a channel to the client's agent. */
  openssh_authAgent(callback: ChannelCallback): this {
    openAgent(this, callback);
    return this;
  }

  /** Exchanges keys now. `callback` is called after it, or with an error if the connection has no keys to replace. */
  rekey(callback?: (error?: Error) => void): void {
    const hasBegun = this[DRIVER]?.rekey() ?? false;
    if (typeof callback !== "function") return;
    if (hasBegun) this.once("rekey", callback);
    else process.nextTick(callback, ssh2Error("Not connected"));
  }

  /** Sets Nagle's algorithm; default off. */
  setNoDelay(noDelay?: boolean): this {
    if (this._sock instanceof Socket) this._sock.setNoDelay(noDelay);
    return this;
  }
}

/** Begins to serve the socket of a connection. `identified` gets the client's identification string. */
export function serveClient(
  client: IncomingClient,
  options: ConnectionOptions,
  identified: (clientVersion: string) => void,
): void {
  client[DRIVER] = new ServerDriver(client, client._sock!, options, identified);
}
