import {
  CHANNEL_OPEN_FAILURE_REASON,
  decodeIfReadable,
  escapeText,
  forwardedStreamlocal,
  SshError,
  streamlocalForward,
  tcpipChannel,
  tcpipForward,
  tcpipForwardReply,
} from "@nacre/wire";
import type { PeerOpen } from "../../mux/peer-asks.ts";
import type { StreamKind, StreamTypes } from "../../streams/stream-kind.ts";
import type { ClientMux, KeptHandle } from "../client/client.ts";
import { channelPair } from "./channel-pair.ts";
import { checkForwardPort, checkSocketPath, formatTarget, type Originator } from "./target.ts";

/** An address for the server to listen at. */
export type ListenAddress =
  | {
      /**
       * Address to bind; default `"localhost"`. `""` and `"*"` mean all addresses. The server's configuration decides which are allowed
       * (OpenSSH: GatewayPorts).
       */
      readonly host?: string | undefined;
      /** Port from 0 to 65535. With 0 the server chooses the port. */
      readonly port: number;
      readonly path?: undefined;
    }
  | {
      /** Path of a Unix socket on the server. */
      readonly path: string;
      readonly host?: undefined;
      readonly port?: undefined;
    };

/** Handles a connection to a listener. Call `accept` or `reject` of its open, now or later. */
export type ConnectionHandler = (open: PeerOpen, originator: Originator | undefined) => void;

/** The methods of a mux that listeners use. */
type ListenerMux = Pick<ClientMux, "accept" | "globalRequest" | "keep">;

/** A listener on the server. */
export interface Listening {
  /** Port of the listener, also if port 0 was requested; `undefined` for a Unix socket. */
  readonly port: number | undefined;
  /**
   * Stops listening. Existing connections stay open. Resolves when the server has answered or the connection has ended, within two seconds.
   * Never rejects.
   */
  close(): Promise<void>;
}

interface Entry {
  readonly address: ListenAddress;
  /** Port that the server listens at; `undefined` for a Unix socket. */
  readonly port: number | undefined;
  /** The request with this port. */
  readonly data: Uint8Array;
  readonly onConnection: ConnectionHandler;
  /** With `reconnect`: stops requesting the listener again on each new connection. */
  readonly forget: KeptHandle | undefined;
}

const REASON = CHANNEL_OPEN_FAILURE_REASON;

/** Milliseconds that closing a listener waits for the server's reply. */
const CLOSE_TIMEOUT = 2000;

/** The listeners of one client on its server. Refuses channel opens that match no listener. */
export class RemoteListeners {
  readonly #mux: ListenerMux;
  readonly #ended: Promise<SshError>;
  #entries: readonly Entry[] = [];
  #isAccepting = false;

  /** `ended` resolves when the connection has ended. */
  constructor(mux: ListenerMux, ended: Promise<SshError>) {
    this.#mux = mux;
    this.#ended = ended;
  }

  /** Makes the server listen, and returns connections as streams. Rejects as `Client.listen` does. */
  async listen<K extends StreamTypes>(address: ListenAddress, streams: StreamKind<K>): Promise<RemoteListener<K>> {
    const queue = new ConnectionQueue(streams);
    const listening = await this.listenWith(
      address,
      (open, originator) => queue.add(open, originator),
      () => queue.drop(),
    );
    void this.#ended.then((error) => queue.close(error));
    return new RemoteListener(address, listening, queue);
  }

  /**
   * Makes the server listen, and passes each connection to `onConnection`. With `reconnect`, `onLost` is called when the opens that it
   * passed before are void. Rejects as `Client.listen` does.
   */
  listenWith(given: ListenAddress, onConnection: ConnectionHandler, onLost = (): void => {}): Promise<Listening> {
    return new Promise((resolve, reject) => {
      checkListenAddress(given);
      // Copy the address: later connections are compared with it.
      const address = { ...given };
      this.#accept();
      // Handle the reply in its own turn: the server may open a connection right after it.
      const { name } = REQUESTS[kindOf(address)];
      this.#mux.globalRequest(name, encodeAddress(address), (reply) => {
        if (!reply.success) {
          reject(reply.error ?? deniedError(address));
          return;
        }
        const port = address.port === 0 ? decodeIfReadable(tcpipForwardReply, reply.data)?.port : address.port;
        if (address.port === 0 && (port === undefined || port < 1 || port > 65535)) {
          reject(new SshError("malformed-message", "the server's reply to tcpip-forward has no valid port"));
          return;
        }
        const data = encodeAddress(address.path === undefined ? { host: address.host, port: port! } : address);
        const forget = this.#mux.keep?.({ name, data, address: { ...address, port }, onLost });
        const entry: Entry = { address, port, data, onConnection, forget };
        this.#entries = [...this.#entries, entry];
        let closing: Promise<void> | undefined;
        resolve({ port, close: () => (closing ??= this.#close(entry)) });
      });
    });
  }

  #accept(): void {
    if (this.#isAccepting) return;
    this.#mux.accept("forwarded-tcpip", (open) => {
      const data = decodeIfReadable(tcpipChannel, open.data);
      const originator = data && { address: data.originatorAddress, port: data.originatorPort };
      this.#onOpen(open, data && this.#findTcp(data.address, data.port), originator);
    });
    this.#mux.accept("forwarded-streamlocal@openssh.com", (open) => {
      const data = decodeIfReadable(forwardedStreamlocal, open.data);
      this.#onOpen(open, data && this.#entries.find(({ address }) => address.path === data.path), undefined);
    });
    this.#isAccepting = true;
  }

  /**
   * Returns the listener for a connection. OpenSSH sends the address as it was requested. Other servers send the address that was connected
   * to, so a single listener at the port matches too.
   */
  #findTcp(connectedAddress: string, connectedPort: number): Entry | undefined {
    const atPort = this.#entries.filter(({ port }) => port === connectedPort);
    const exact = atPort.find(({ address }) => bindAddress(address) === connectedAddress);
    return exact ?? (atPort.length === 1 ? atPort[0] : undefined);
  }

  #onOpen(open: PeerOpen, entry: Entry | undefined, originator: Originator | undefined): void {
    // rule: forwarded-open-unknown
    if (entry === undefined) return open.reject(REASON.ADMINISTRATIVELY_PROHIBITED, "no listener at this address");
    entry.onConnection(open, originator);
  }

  async #close(entry: Entry): Promise<void> {
    // rule: forwarded-open-after-cancel
    this.#entries = this.#entries.filter((one) => one !== entry);
    const { address, data } = entry;
    if (entry.forget?.() === false) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_TIMEOUT);
      try {
        this.#mux.globalRequest(REQUESTS[kindOf(address)].cancel, data, () => resolve());
      } catch {
        // The connection has ended, and so has the listener.
        resolve();
      }
    });
    clearTimeout(timer);
  }
}

const REQUESTS = {
  tcp: { name: "tcpip-forward", cancel: "cancel-tcpip-forward" },
  path: { name: "streamlocal-forward@openssh.com", cancel: "cancel-streamlocal-forward@openssh.com" },
} as const;

const kindOf = ({ path }: ListenAddress): "tcp" | "path" => (path === undefined ? "tcp" : "path");

/** Returns the host as sent to the server: `""` for all addresses. */
const bindAddress = ({ host = "localhost" }: ListenAddress): string => (host === "*" ? "" : host);

function encodeAddress(address: ListenAddress): Uint8Array {
  if (address.path !== undefined) return streamlocalForward.encode({ path: address.path });
  return tcpipForward.encode({ address: bindAddress(address), port: address.port });
}

/** Throws `usage` for an invalid address. */
export function checkListenAddress(address: unknown): asserts address is ListenAddress {
  const { host, port, path } = (address ?? {}) as { readonly [name in "host" | "port" | "path"]?: unknown };
  if (path !== undefined && host === undefined && port === undefined) checkSocketPath(path);
  else if (path !== undefined || (host !== undefined && (typeof host !== "string" || host.includes("\0"))))
    throw new SshError(
      "usage",
      'invalid listen address; expected an object such as { host: "localhost", port: 8080 } or { path: "/run/app.sock" }',
    );
  else checkForwardPort(port, 0);
}

function deniedError(address: ListenAddress): SshError {
  const place = address.path ?? formatTarget({ host: bindAddress(address) || "*", port: address.port });
  return new SshError(
    "forward-denied",
    `the server refused to listen on ${escapeText(place)}; it prohibits this (AllowTcpForwarding, PermitListen, permitlisten=), or the address is in use`,
  );
}

/** A pending `next` call of the iterator. */
interface Taker<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: SshError) => void;
}

/**
 * Connections to a listener that the application has not taken yet. Each is accepted only when taken, so that it buffers no bytes before.
 * `limits.maxPendingOpens` bounds their number.
 */
class ConnectionQueue<K extends StreamTypes> {
  readonly #streams: StreamKind<K>;
  #waiting: readonly { readonly open: PeerOpen; readonly originator: Originator | undefined }[] = [];
  #takers: readonly Taker<K["pair"]>[] = [];
  #end: { readonly error: SshError | undefined } | undefined;

  constructor(streams: StreamKind<K>) {
    this.#streams = streams;
  }

  add(open: PeerOpen, originator: Originator | undefined): void {
    if (this.#end !== undefined) return open.reject(REASON.CONNECT_FAILED, "the listener is closed");
    this.#waiting = [...this.#waiting, { open, originator }];
    this.#serve();
  }

  take(): Promise<IteratorResult<K["pair"], undefined>> {
    return new Promise((resolve, reject) => {
      this.#takers = [...this.#takers, { resolve, reject }];
      this.#serve();
    });
  }

  /** Drops waiting connections that were lost with their SSH connection. */
  drop(): void {
    this.#waiting = [];
  }

  /** Ends the iterator. `error` is the error that ended the connection, and the iterator throws it unless its code is `closed`. */
  close(error?: SshError): void {
    this.#end ??= { error: error?.code === "closed" ? undefined : error };
    for (const { open } of this.#waiting) open.reject(REASON.CONNECT_FAILED, "the listener is closed");
    this.#waiting = [];
    this.#serve();
  }

  #serve(): void {
    while (this.#takers.length > 0) {
      const [taker, ...takers] = this.#takers;
      const [first, ...waiting] = this.#waiting;
      if (first === undefined) {
        if (this.#end === undefined) return;
        if (this.#end.error === undefined) taker?.resolve({ done: true, value: undefined });
        else taker?.reject(this.#end.error);
      } else {
        this.#waiting = waiting;
        const channel = first.open.accept();
        // The connection has ended. The queue is closed next.
        if (channel === undefined) continue;
        const { address, port } = first.originator ?? {};
        const value = channelPair(channel, this.#streams, { remoteAddress: address, remotePort: port });
        taker?.resolve({ done: false, value });
      }
      this.#takers = takers;
    }
  }
}

/**
 * A listener on the server. Iterate it to receive each connection as a pair of byte streams.
 *
 * Connections wait until they are taken. All TCP listeners together keep at most `limits.maxPendingOpens` waiting, as do all Unix sockets;
 * further connections are refused.
 *
 * The iterator ends after `close` of the listener or the client. If the SSH connection ends with an error, the iterator throws it.
 */
export class RemoteListener<K extends StreamTypes> implements AsyncIterable<K["pair"]>, AsyncDisposable {
  /** Address that the server was asked to bind; `undefined` for a Unix socket. */
  readonly host: string | undefined;
  /** Port that the server listens at, also if port 0 was requested; `undefined` for a Unix socket. */
  readonly port: number | undefined;
  /** Path of the Unix socket; `undefined` for a TCP listener. */
  readonly path: string | undefined;
  readonly #listening: Listening;
  readonly #queue: ConnectionQueue<K>;

  /** Call `Client.listen` instead of this constructor. */
  constructor(address: ListenAddress, listening: Listening, queue: ConnectionQueue<K>) {
    this.host = address.path === undefined ? bindAddress(address) : undefined;
    this.port = listening.port;
    this.path = address.path;
    this.#listening = listening;
    this.#queue = queue;
  }

  /**
   * Stops listening and refuses waiting connections. Connections already taken stay open. Resolves when the server has answered, within two
   * seconds. Never rejects.
   */
  async close(): Promise<void> {
    this.#queue.close();
    await this.#listening.close();
  }

  /** Calls `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Yields each incoming connection. Leaving the loop closes the listener. */
  [Symbol.asyncIterator](): AsyncIterator<K["pair"], undefined> {
    return {
      next: () => this.#queue.take(),
      // Close the listener when the caller leaves the loop, like other iterators that hold a resource.
      return: async () => {
        await this.close();
        return { done: true, value: undefined };
      },
    };
  }
}
