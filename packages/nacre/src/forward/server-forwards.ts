import {
  CHANNEL_OPEN_FAILURE_REASON,
  decodeIfReadable,
  directStreamlocal,
  forwardedStreamlocal,
  SshError,
  type SshErrorCode,
  streamlocalForward,
  tcpipChannel,
  tcpipForward,
  tcpipForwardReply,
} from "@nacre/wire";
import { usage } from "../check.ts";
import type { Duplex } from "../mux/duplex.ts";
import { leaveUncaught } from "../mux/engine.ts";
import type { MuxHandlers } from "../mux/mux.ts";
import { type Opener, openChannel } from "../mux/open-channel.ts";
import type { PeerGlobalRequest, PeerOpen } from "../mux/peer-asks.ts";
import type { ServerConnection } from "../server/connection.ts";
import type { ServerEvent, ServerLimits } from "../server/options.ts";
import type { GrantedPermissions } from "../server/permissions.ts";
import { bridge } from "./bridge.ts";
import type { ForwardContext, Forwarding, ForwardingListener } from "./forwarding.ts";
import { permitsAddress, permitsTarget } from "./places.ts";
import { checkListenAddress, type ListenAddress } from "./remote-listener.ts";
import { checkTarget, type ForwardTarget, formatTarget, type Originator, UNKNOWN_ORIGINATOR } from "./target.ts";

/** The part of a server's connection that forwarding handlers use. */
export interface ForwardsHost {
  /** `undefined` unless the login has the permission. */
  readonly forwards: ServerForwards | undefined;
}

type OpenReason = keyof typeof CHANNEL_OPEN_FAILURE_REASON;

/** Handlers for a server's forwarding (RFC 4254 §7, OpenSSH PROTOCOL §2.4), for logins with the permission. */
export const forwardHandlers: MuxHandlers<ForwardsHost> = {
  channels: {
    "direct-tcpip"(open, { forwards }) {
      const data = decodeIfReadable(tcpipChannel, open.data);
      const originator = data && { address: data.originatorAddress, port: data.originatorPort };
      forwards?.onOpen(open, data && { host: data.address, port: data.port }, originator);
    },
    "direct-streamlocal@openssh.com"(open, { forwards }) {
      const data = decodeIfReadable(directStreamlocal, open.data);
      forwards?.onOpen(open, data && { path: data.path }, undefined);
    },
  },
  globalRequests: {
    "tcpip-forward"(request, { forwards }) {
      forwards?.onListen(request, tcpAddress(request));
    },
    "cancel-tcpip-forward"(request, { forwards }) {
      forwards?.onCancel(request, tcpAddress(request));
    },
    "streamlocal-forward@openssh.com"(request, { forwards }) {
      forwards?.onListen(request, decodeIfReadable(streamlocalForward, request.data));
    },
    "cancel-streamlocal-forward@openssh.com"(request, { forwards }) {
      forwards?.onCancel(request, decodeIfReadable(streamlocalForward, request.data));
    },
  },
};

function tcpAddress({ data }: PeerGlobalRequest): ListenAddress | undefined {
  const decoded = decodeIfReadable(tcpipForward, data);
  return decoded && { host: decoded.address, port: decoded.port };
}

/** The part of a server's connection that `ServerForwards` uses. */
export interface ForwardsContext {
  readonly forwarding: Forwarding;
  readonly mux: Opener;
  readonly connection: ServerConnection;
  readonly user: string;
  readonly permissions: Pick<GrantedPermissions, "permitOpen" | "permitListen">;
  readonly limits: Pick<ServerLimits, "maxForwardedConnections" | "maxForwardListeners" | "maxPeerRequests">;
  /** Returns false once the server closes the connection. */
  isOpen(this: void): boolean;
  log(this: void, event: ServerEvent): void;
}

/** A listener opened for the client. */
interface Listener {
  /** Address that the client requested, with the chosen port instead of 0. */
  readonly address: ListenAddress;
  /** Aborts when the client cancels the listener, or the SSH connection ends. */
  readonly over: AbortController;
  readonly listening: ForwardingListener;
}

/** An open or opening connection. Each has its own signal, because Node warns of many listeners on one. */
interface HeldConnection {
  /** Aborts when the SSH connection ends. */
  readonly over: AbortController;
  released: Promise<void> | undefined;
}

/** Reason and description of a refused open, by error code (RFC 4254 §5.1). The client gets no other text. */
const OPEN_REFUSALS: { readonly [code in SshErrorCode]?: readonly [reason: OpenReason, description: string] } = {
  "forward-denied": ["ADMINISTRATIVELY_PROHIBITED", "not permitted"],
  "forward-limit": ["RESOURCE_SHORTAGE", "too many connections"],
};
const CANNOT_CONNECT = ["CONNECT_FAILED", "cannot connect"] as const;

/** Maximum length of a host name in characters (RFC 1035 §2.3.4). */
const MAX_HOST = 255;

/** Forwarding on one server connection. Created when the client first requests it. */
export class ServerForwards {
  readonly #context: ForwardsContext;
  /** Connections in both directions, including those being opened. */
  readonly #connections = new Set<HeldConnection>();
  #listeners: readonly Listener[] = [];
  /** Controller of the listener being opened. */
  #pending: AbortController | undefined;
  /** The error that ended the SSH connection. */
  #end: SshError | undefined;
  /** Number of unanswered requests. They are handled in order, because a later one may concern the listener of an earlier one. */
  #queued = 0;
  #lastRequest: Promise<void> = Promise.resolve();

  constructor(context: ForwardsContext) {
    this.#context = context;
  }

  /** Handles a request for a connection. `target` is `undefined` if it cannot be decoded. */
  onOpen(open: PeerOpen, target: ForwardTarget | undefined, originator: Originator | undefined): void {
    const refusal = this.#openRefusal(target);
    if (refusal === undefined) this.#hold((signal) => this.#connect(open, target!, originator, signal));
    else this.#refuseOpen(open, target, refusal);
  }

  /** Handles a request for a listener. `address` is `undefined` if it cannot be decoded. */
  onListen(request: PeerGlobalRequest, address: ListenAddress | undefined): void {
    this.#enqueue(request, address, () => this.#listen(request, address));
  }

  /** Handles a request to cancel a listener. */
  onCancel(request: PeerGlobalRequest, address: ListenAddress | undefined): void {
    this.#enqueue(request, address, () => this.#cancel(request, address));
  }

  /** Releases everything after the SSH connection has ended. Resolves when all connections and listeners are released. */
  async closed(error: SshError): Promise<void> {
    this.#end = error;
    const connections = [...this.#connections];
    const listeners = this.#listeners;
    this.#listeners = [];
    this.#pending?.abort(error);
    for (const { over } of [...connections, ...listeners]) over.abort(error);
    await Promise.all([...connections.map(({ released }) => released), ...listeners.map(stop)]);
  }

  /** Counts a connection until `carry` settles. */
  #hold(carry: (signal: AbortSignal) => Promise<void>): void {
    const held: HeldConnection = { over: new AbortController(), released: undefined };
    if (this.#end !== undefined) held.over.abort(this.#end);
    this.#connections.add(held);
    held.released = carry(held.over.signal)
      .catch(leaveUncaught)
      .then(() => void this.#connections.delete(held));
  }

  #openRefusal(target: ForwardTarget | undefined): SshError | undefined {
    const { forwarding, permissions, isOpen } = this.#context;
    if (target === undefined || !isValid(() => checkTarget(target)) || !isHost(target.host))
      return denied("invalid forwarding target");
    if (forwarding.connect === undefined || !isOpen())
      return denied("`forwarding.connect` is not set, or the server is closing the connection");
    if (/* rule: login-permit-open */ !permissions.permitOpen.every((list) => permitsTarget(list, target)))
      return denied("`permitOpen` of the login does not include the target");
    return this.#connectionLimit();
  }

  #connectionLimit(): SshError | undefined {
    const { maxForwardedConnections } = this.#context.limits;
    if (/* rule: forwarded-connections */ this.#connections.size < maxForwardedConnections) return undefined;
    return new SshError(
      "forward-limit",
      `the limit of ${maxForwardedConnections} forwarded connections is reached (\`maxForwardedConnections\`)`,
    );
  }

  #refuseOpen(open: PeerOpen, target: ForwardTarget | undefined, error: unknown): void {
    const code = error instanceof SshError ? error.code : "internal";
    const [reason, description] = OPEN_REFUSALS[code] ?? CANNOT_CONNECT;
    open.reject(CHANNEL_OPEN_FAILURE_REASON[reason], description);
    this.#logRefusal(target === undefined ? open.channelType : `${open.channelType} ${formatTarget(target)}`, error);
  }

  async #connect(
    open: PeerOpen,
    target: ForwardTarget,
    originator: Originator | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { forwarding, log } = this.#context;
    const connect = async (): Promise<Duplex> =>
      checkedDuplex(await forwarding.connect?.(target, { ...this.#client(signal), originator }));
    let duplex: Duplex;
    try {
      duplex = await untilAborted(connect(), signal);
    } catch (error) {
      if (!signal.aborted) this.#refuseOpen(open, target, error);
      return;
    }
    const channel = open.accept();
    // No channel: the SSH connection has ended.
    if (channel === undefined) return duplex.close();
    log({ type: "forward-opened", target, originator });
    await bridge(channel, duplex, signal);
  }

  #enqueue(request: PeerGlobalRequest, address: ListenAddress | undefined, handle: () => Promise<void>): void {
    // Requests that want no reply have no other limit.
    if (/* rule: queued-forward-requests */ this.#queued >= this.#context.limits.maxPeerRequests) {
      this.#refuseRequest(
        request,
        address,
        new SshError("request-limit", "the limit of pending forwarding requests is reached (`maxPeerRequests`)"),
      );
      return;
    }
    this.#queued++;
    this.#lastRequest = this.#lastRequest.then(handle).finally(() => this.#queued--);
  }

  async #listen(request: PeerGlobalRequest, address: ListenAddress | undefined): Promise<void> {
    // The SSH connection ended while this request waited for an earlier one.
    if (this.#end !== undefined) return;
    const refusal = this.#listenRefusal(request, address);
    if (refusal !== undefined) return this.#refuseRequest(request, address, refusal);
    try {
      await this.#startListening(request, address!);
    } catch (error) {
      if (this.#end === undefined) this.#refuseRequest(request, address, error);
    }
  }

  #listenRefusal(request: PeerGlobalRequest, address: ListenAddress | undefined): SshError | undefined {
    const { forwarding, permissions, limits, isOpen } = this.#context;
    if (address === undefined || !isValid(() => checkListenAddress(address)) || !isHost(address.host))
      return denied("invalid listen address");
    if (forwarding.listen === undefined || !isOpen())
      return denied("`forwarding.listen` is not set, or the server is closing the connection");
    if (/* rule: login-permit-listen */ !permissions.permitListen.every((list) => permitsAddress(list, address)))
      return denied("`permitListen` of the login does not include the address");
    // Like sshd: without a reply the client could not learn the port.
    if (address.port === 0 && !request.wantReply) return denied("a request for port 0 must want a reply");
    if (/* rule: forward-listeners */ this.#listeners.length >= limits.maxForwardListeners)
      return new SshError(
        "forward-limit",
        `the limit of ${limits.maxForwardListeners} listeners is reached (\`maxForwardListeners\`)`,
      );
    if (this.#find(address) !== undefined) return denied("the client already has a listener on this address");
    return undefined;
  }

  async #startListening(request: PeerGlobalRequest, requested: ListenAddress): Promise<void> {
    const { forwarding, log } = this.#context;
    const over = new AbortController();
    this.#pending = over;
    // A connection accepted before the reply must wait for it: the client does not know the listener yet.
    let onReplied!: (listener: Listener | undefined) => void;
    const replied = new Promise<Listener | undefined>((resolve) => {
      onReplied = resolve;
    });
    let listener: Listener | undefined;
    const accept = (duplex: Duplex, originator?: Originator): void => this.#accept(replied, duplex, originator);
    const listen = async (): Promise<ForwardingListener> =>
      checkedListener(await forwarding.listen?.(requested, { ...this.#client(over.signal), accept }), requested);
    try {
      const listening = await untilAborted(listen(), over.signal);
      if (over.signal.aborted) return await listening.close();
      const address = requested.port === 0 ? { ...requested, port: listening.port! } : requested;
      listener = { address, over, listening };
      this.#listeners = [...this.#listeners, listener];
      request.reply(true, requested.port === 0 ? tcpipForwardReply.encode({ port: listening.port! }) : undefined);
      log({ type: "forward-listening", address });
    } finally {
      this.#pending = undefined;
      onReplied(listener);
    }
  }

  async #cancel(request: PeerGlobalRequest, address: ListenAddress | undefined): Promise<void> {
    const listener = address && this.#find(address);
    if (listener === undefined) return this.#refuseRequest(request, address);
    this.#listeners = this.#listeners.filter((one) => one !== listener);
    listener.over.abort(new SshError("closed", "the client cancelled the listener"));
    await stop(listener);
    request.reply(true);
    this.#context.log({ type: "forward-stopped", address: listener.address });
  }

  /** Returns the listener that the client requested at exactly this address. */
  #find({ host, port, path }: ListenAddress): Listener | undefined {
    return this.#listeners.find(
      ({ address }) => address.host === host && address.port === port && address.path === path,
    );
  }

  #accept(replied: Promise<Listener | undefined>, duplex: Duplex, originator: Originator | undefined): void {
    const limit = this.#connectionLimit();
    if (limit === undefined) {
      this.#hold(async (signal) => this.#forward(await replied, duplex, originator, signal));
    } else {
      this.#logRefusal("a connection to a listener", limit);
      void duplex.close();
    }
  }

  /** Offers a connection to the client (RFC 4254 §7.2). Closes it if the listener is gone or the client refuses. */
  async #forward(
    listener: Listener | undefined,
    duplex: Duplex,
    originator: Originator | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { mux, isOpen, log } = this.#context;
    if (listener === undefined || listener.over.signal.aborted || !isOpen()) return duplex.close();
    const { channelType, data } = encodeForwarded(listener.address, originator);
    const channel = await openChannel(mux, channelType, data).catch(() => undefined);
    if (channel === undefined) return duplex.close();
    log({ type: "forward-accepted", address: listener.address, originator });
    await bridge(channel, duplex, signal);
  }

  #refuseRequest(request: PeerGlobalRequest, address: ListenAddress | undefined, error?: unknown): void {
    request.reply(false);
    this.#logRefusal(address === undefined ? request.name : `${request.name} ${formatAddress(address)}`, error);
  }

  #logRefusal(request: string, error: unknown): void {
    this.#context.log({ type: "request-refused", session: undefined, request, ...(error !== undefined && { error }) });
  }

  #client(signal: AbortSignal): ForwardContext {
    const { connection, user } = this.#context;
    return { connection, user, signal };
  }
}

/** Stops listening. Exceptions of the application are rethrown as uncaught exceptions. */
async function stop({ listening }: Listener): Promise<void> {
  try {
    await listening.close();
  } catch (thrown) {
    leaveUncaught(thrown);
  }
}

/** Returns "localhost:8080", "[::1]:8080" or the path of a Unix socket. */
function formatAddress({ host = "", port, path }: ListenAddress): string {
  return path ?? formatTarget({ host, port });
}

/** Encodes the channel open for a connection to a listener, with the address that the client requested, like OpenSSH. */
function encodeForwarded(
  { host = "", port, path }: ListenAddress,
  originator: Originator = UNKNOWN_ORIGINATOR,
): { readonly channelType: string; readonly data: Uint8Array } {
  if (path !== undefined) {
    const data = forwardedStreamlocal.encode({ path, reserved: new Uint8Array(0) });
    return { channelType: "forwarded-streamlocal@openssh.com", data };
  }
  const { address: originatorAddress, port: originatorPort } = originator;
  const data = tcpipChannel.encode({ address: host, port, originatorAddress, originatorPort });
  return { channelType: "forwarded-tcpip", data };
}

/** Resolves as `given` does, or rejects when the signal aborts. A value that arrives after the abort is closed. */
function untilAborted<T extends { close(): Promise<void> }>(given: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(signal.reason);
      given.then(
        (late) => late.close(),
        () => {},
      );
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort);
    given.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Checks the result of `forwarding.connect`, which may be invalid in a JavaScript program. Throws `usage`. */
function checkedDuplex(duplex: Partial<Duplex> | undefined): Duplex {
  if (typeof duplex?.open === "function" && typeof duplex.close === "function") return duplex as Duplex;
  throw usage(
    "`forwarding.connect` returned an invalid connection; return a byte connection, as made by `socketDuplex` of @nacre/node or `webDuplex`",
  );
}

/** Checks the result of `forwarding.listen`, which must have a port if the client requested port 0. Throws `usage`. */
function checkedListener(listener: ForwardingListener | undefined, { port }: ListenAddress): ForwardingListener {
  const { port: chosen = 0, close } = listener ?? ({} as Partial<ForwardingListener>);
  const isComplete = port !== 0 || (Number.isInteger(chosen) && chosen >= 1 && chosen <= 65_535);
  if (typeof close === "function" && isComplete) return listener!;
  throw usage("`forwarding.listen` returned an invalid listener; return { port: 8080, close() {…} }");
}

function isValid(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

const isHost = (host: string | undefined): boolean => host === undefined || host.length <= MAX_HOST;

const denied = (message: string): SshError => new SshError("forward-denied", message);
