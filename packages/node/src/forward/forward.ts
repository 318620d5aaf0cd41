import { checkLimit, MAX_UINT32, SshError } from "@nacre/wire";
import {
  abortedError,
  afterEnd,
  checkOptions,
  checkSignal,
  type ListenAddress,
  type Opener,
  type OptionRows,
  onAbort,
  openedUnlessAborted,
  type RemoteListeners,
} from "nacre/extend";
import type { Bound } from "./bind.ts";
import { Connections } from "./connections.ts";

/** Options of a forward. */
export interface ForwardOptions {
  /**
   * Maximum number of simultaneous connections, including those being opened; further ones are refused. Default 224. The other 32 of an SSH
   * connection's 256 channels (`limits.maxChannels`) stay free for commands.
   */
  readonly maxConnections?: number | undefined;
  /** Aborting closes the forward. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called for each connection that is refused or fails. The forward stays open. Not called for connections that end with the forward or
   * the client. With `reconnect`, it is called for those that are lost with an SSH connection. Exceptions are ignored.
   */
  readonly onError?: ((error: SshError) => void) | undefined;
}

/** Options of a forward that listens on this side. */
export interface LocalForwardOptions extends ForwardOptions {
  /**
   * Whether to remove an existing Unix socket at the listener's path, like StreamLocalBindUnlink in ssh_config. Default false. Other files
   * are never removed.
   */
  readonly streamLocalBindUnlink?: boolean | undefined;
}

/** Options of a proxy. */
export interface ProxyOptions {
  /** Timeout for receiving a client's complete request, in milliseconds; default 10,000. */
  readonly handshakeTimeout?: number | undefined;
  /** Whether clients may connect to a target, like PermitRemoteOpen in ssh_config; default every target. */
  readonly permit?: ((target: { readonly host: string; readonly port: number }) => boolean) | undefined;
}

/** A listener that forwards its connections until it is closed or the SSH connection ends. */
export interface Forward extends AsyncDisposable {
  /** Listening address as given; `undefined` for a Unix socket. */
  readonly host: string | undefined;
  /** Listening port, or the chosen port if 0 was given; `undefined` for a Unix socket. */
  readonly port: number | undefined;
  /** Path of the Unix socket; `undefined` for a TCP listener. */
  readonly path: string | undefined;
  /** Number of current connections, including those being opened. */
  readonly connections: number;
  /** Stops listening and closes all connections. Resolves within five seconds, when everything is released. Never rejects. */
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 224;

/** Time to wait for the server's reply to a cancel request when closing, in milliseconds. */
const CLOSE_TIMEOUT = 2000;

/** Milliseconds that a connection to a local listener waits while the SSH connection is made again. */
const RECONNECT_WAIT = 10_000;

const FORWARD_OPTIONS: OptionRows<ForwardOptions> = { maxConnections: true, signal: true, onError: true };
const LOCAL_OPTIONS: OptionRows<LocalForwardOptions> = { ...FORWARD_OPTIONS, streamLocalBindUnlink: "boolean" };
const PROXY_OPTIONS: OptionRows<ProxyOptions> = { handshakeTimeout: true, permit: "function" };

/** A method of `Client` that opens a forward. */
type ForwardMethod = "forwardLocal" | "forwardDynamic" | "forwardRemote" | "forwardRemoteDynamic";

const OPTION_NAMES: Readonly<Record<ForwardMethod, object>> = {
  forwardLocal: LOCAL_OPTIONS,
  forwardDynamic: { ...LOCAL_OPTIONS, ...PROXY_OPTIONS },
  forwardRemote: FORWARD_OPTIONS,
  forwardRemoteDynamic: { ...FORWARD_OPTIONS, ...PROXY_OPTIONS },
};

/** Parameters of {@link openForward}. */
export interface ForwardSetup {
  readonly method: ForwardMethod;
  readonly address: ListenAddress;
  /** Whether the server listens. */
  readonly atServer: boolean;
  /** Starts listening and passes each connection to `connections`. */
  readonly listen: (connections: Connections) => Promise<Bound>;
}

/** Opens a forward. Rejects with `usage` for invalid options, `aborted`, or the error of `listen`; everything is then closed. */
export async function openForward(
  forwarder: Forwarder,
  setup: ForwardSetup,
  options: ForwardOptions & ProxyOptions,
): Promise<Forward> {
  checkOptions(options, OPTION_NAMES[setup.method], `\`${setup.method}\``);
  const { maxConnections = MAX_CONNECTIONS, handshakeTimeout, signal, onError } = options;
  checkLimit("maxConnections", maxConnections, { least: 1, most: MAX_UINT32, unit: "connections" });
  if (handshakeTimeout !== undefined)
    checkLimit("handshakeTimeout", handshakeTimeout, { least: 1, most: 0x7fff_ffff, unit: "milliseconds" });
  checkSignal(signal);
  if (onError !== undefined && typeof onError !== "function")
    throw new SshError("usage", "`onError` must be a function: (error) => …");
  const abortError = (): SshError => abortedError(`\`${setup.method}\``, signal!);
  if (signal?.aborted) throw abortError();
  forwarder.assertAlive();

  const connections = new Connections(maxConnections, (error) => {
    // `Client.ended` reports the end of the client.
    if (forwarder.over === undefined) onError?.(error);
  });
  const opening = setup.listen(connections);
  // A server may never answer. A local listener is waited for, so that its socket file is gone when this rejects.
  const answered = setup.atServer ? openedUnlessAborted(opening, signal, abortError) : opening;
  const listening = await answered.catch(async (cause: unknown) => {
    // One address may have accepted a connection before listening on another failed.
    await connections.close();
    throw cause;
  });
  const forward = new ListeningForward(setup.address, listening, connections);
  const unwatch = signal === undefined ? () => {} : onAbort(signal, () => void forward.close());
  forwarder.hold(forward);
  void connections.closed.then(() => {
    unwatch();
    forwarder.release(forward);
  });
  try {
    if (signal?.aborted) throw abortError();
    forwarder.assertAlive();
  } catch (error) {
    await forward.close();
    throw error;
  }
  return forward;
}

class ListeningForward implements Forward {
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly path: string | undefined;
  readonly #listening: Bound;
  readonly #connections: Connections;
  #closing: Promise<void> | undefined;

  constructor({ host = "localhost", path }: ListenAddress, listening: Bound, connections: Connections) {
    this.host = path === undefined ? host : undefined;
    this.port = listening.port;
    this.path = path;
    this.#listening = listening;
    this.#connections = connections;
  }

  get connections(): number {
    return this.#connections.size;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_TIMEOUT);
    });
    await Promise.all([this.#connections.close(), Promise.race([this.#listening.close(), late])]);
    clearTimeout(timer);
  }
}

/** A channel opener with the state of its connection. */
export interface ForwarderMux extends Opener {
  readonly engine: {
    /** The error that ended the connection. */
    readonly over: SshError | undefined;
    /** Sends pending output now. */
    turn(): void;
  };
}

/** A client's connection and its open forwards. */
export class Forwarder {
  readonly mux: ForwarderMux;
  readonly #listeners: () => RemoteListeners;
  readonly #forwards: Set<Forward> = new Set();

  /** `ended` resolves when the SSH connection has ended. */
  constructor(mux: ForwarderMux, listeners: () => RemoteListeners, ended: Promise<SshError>) {
    // A connection that waits for `reconnect` is reset before its client gives up.
    const open: Opener["open"] = (channelType, data, handler) => mux.open(channelType, data, handler, RECONNECT_WAIT);
    this.mux = { engine: mux.engine, open };
    this.#listeners = listeners;
    void ended.then(() => {
      for (const forward of this.#forwards) void forward.close();
    });
  }

  /** Listeners on the server. */
  get listeners(): RemoteListeners {
    return this.#listeners();
  }

  /** Error that ended the connection, set as soon as it ends; `undefined` while it is open. */
  get over(): SshError | undefined {
    return this.mux.engine.over;
  }

  /** After the end of the connection, throws a new error with its code. */
  assertAlive(): void {
    if (this.over !== undefined) throw afterEnd(this.over);
  }

  /** Registers a forward to be closed with the connection. */
  hold(forward: Forward): void {
    this.#forwards.add(forward);
  }

  /** Removes a forward registered with `hold`. */
  release(forward: Forward): void {
    this.#forwards.delete(forward);
  }
}
