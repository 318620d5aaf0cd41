import { checkLimit, MAX_UINT32, SshError } from "@nacre/wire";
import { checkNames, checkSignal, type ListenAddress, type OptionNames, onAbort } from "nacre/internal";
import type { Bound } from "./bind.ts";
import { Connections } from "./connections.ts";
import type { Forwarder } from "./forwarder.ts";

/** How connections are forwarded. */
export interface ForwardOptions {
  /**
   * Connections at once, those being opened included; further ones are refused. Default 224: of the 256 channels of an SSH connection
   * (`limits.maxChannels`) the others stay free for commands.
   */
  readonly maxConnections?: number | undefined;
  /** Aborting closes the forward. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called for each connection that was refused or broke, which never ends the forward. Not called for those that end with the forward or
   * the SSH connection. What this throws is ignored.
   */
  readonly onError?: ((error: SshError) => void) | undefined;
}

/** How connections to a listener on this side are forwarded. */
export interface LocalForwardOptions extends ForwardOptions {
  /**
   * Removes a Unix socket that exists at the path of the listener, as ssh_config's StreamLocalBindUnlink. Default false. Any other file is
   * never removed.
   */
  readonly streamLocalBindUnlink?: boolean | undefined;
}

/** How connections to a proxy are forwarded. */
export interface ProxyOptions {
  /** Milliseconds until a client must have sent its request; default 10,000. */
  readonly handshakeTimeout?: number | undefined;
}

/** A listener that forwards its connections until it is closed, or the SSH connection ends. */
export interface Forward extends AsyncDisposable {
  /** Address that it listens at, as it was given; `undefined` for a Unix socket. */
  readonly host: string | undefined;
  /** Port that it listens at, also where 0 was given; `undefined` for a Unix socket. */
  readonly port: number | undefined;
  /** Path of the Unix socket; `undefined` for a port. */
  readonly path: string | undefined;
  /** Connections now, those being opened included. */
  readonly connections: number;
  /**
   * Stops listening and closes the connections. Resolves when all is released, within five seconds, whatever the other sides do. Never
   * rejects.
   */
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 224;

/** How long closing waits for the server to answer that it no longer listens: milliseconds. */
const CLOSE_TIMEOUT = 2000;

const FORWARD_OPTIONS: OptionNames<ForwardOptions> = { maxConnections: true, signal: true, onError: true };
const LOCAL_OPTIONS: OptionNames<LocalForwardOptions> = { ...FORWARD_OPTIONS, streamLocalBindUnlink: true };
const PROXY_OPTIONS: OptionNames<ProxyOptions> = { handshakeTimeout: true };

/** A method of `Client` that opens a forward. */
type ForwardMethod = "forwardLocal" | "forwardDynamic" | "forwardRemote" | "forwardRemoteDynamic";

const OPTION_NAMES: Readonly<Record<ForwardMethod, object>> = {
  forwardLocal: LOCAL_OPTIONS,
  forwardDynamic: { ...LOCAL_OPTIONS, ...PROXY_OPTIONS },
  forwardRemote: FORWARD_OPTIONS,
  forwardRemoteDynamic: { ...FORWARD_OPTIONS, ...PROXY_OPTIONS },
};

/** How a forward is opened. */
export interface ForwardSetup {
  readonly method: ForwardMethod;
  readonly address: ListenAddress;
  /** Begins to listen, and hands what comes to `connections`. */
  readonly listen: (connections: Connections) => Promise<Bound>;
}

/** Opens a forward. Rejects with `usage` for invalid options, `aborted`, or what `listen` rejects with; nothing is left open then. */
export async function openForward(
  forwarder: Forwarder,
  setup: ForwardSetup,
  options: ForwardOptions & ProxyOptions,
): Promise<Forward> {
  checkNames(options, OPTION_NAMES[setup.method], setup.method);
  const { maxConnections = MAX_CONNECTIONS, handshakeTimeout, signal, onError } = options;
  checkLimit("maxConnections", maxConnections, { least: 1, most: MAX_UINT32, unit: "connections" });
  if (handshakeTimeout !== undefined)
    checkLimit("handshakeTimeout", handshakeTimeout, { least: 1, most: 0x7fff_ffff, unit: "milliseconds" });
  checkSignal(signal);
  if (onError !== undefined && typeof onError !== "function")
    throw new SshError("usage", "onError must be a function that takes an SshError");
  const abortError = (): SshError => new SshError("aborted", `${setup.method} was aborted`, { cause: signal?.reason });
  if (signal?.aborted) throw abortError();
  forwarder.assertAlive();

  const connections = new Connections(maxConnections, (error) => {
    // `Client.ended` reports the end of the SSH connection.
    if (forwarder.over === undefined) onError?.(error);
  });
  const listening = await setup.listen(connections).catch(async (cause: unknown) => {
    // One of two addresses may have had a connection before the other one failed.
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
