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

/** A server's connection, as its forwarding knows it. */
export interface ForwardsHost {
  /** `undefined` unless the login was granted forwarding. */
  readonly forwards: ServerForwards | undefined;
}

const { ADMINISTRATIVELY_PROHIBITED, CONNECT_FAILED, RESOURCE_SHORTAGE } = CHANNEL_OPEN_FAILURE_REASON;

/** Forwarding of a server (RFC 4254 §7, OpenSSH PROTOCOL §2.4): for logins that were granted it. */
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

/** What forwarding needs of its connection. */
export interface ForwardsContext {
  readonly forwarding: Forwarding;
  readonly mux: Opener;
  readonly connection: ServerConnection;
  readonly user: string;
  readonly permissions: Pick<GrantedPermissions, "permitOpen" | "permitListen">;
  readonly limits: Pick<ServerLimits, "maxForwardedConnections" | "maxForwardListeners" | "maxPeerRequests">;
  /** Whether the server is not closing the connection. */
  isOpen(this: void): boolean;
  log(this: void, event: ServerEvent): void;
}

/** A listener for the client. */
interface Listener {
  /** As the client asked for it, and with the port that was chosen. */
  readonly address: ListenAddress;
  /** Aborts when the client cancels it, or the SSH connection ends. */
  readonly over: AbortController;
  readonly listening: ForwardingListener;
}

/** A connection that is open or being opened. Each has a signal of its own: Node warns of many listeners on one. */
interface HeldConnection {
  /** Aborts when the SSH connection ends. */
  readonly over: AbortController;
  released: Promise<void> | undefined;
}

/** Reason codes of refused opens and their texts, by the code of the error (RFC 4254 §5.1). No other text leaves. */
const OPEN_REFUSALS: { readonly [code in SshErrorCode]?: readonly [reasonCode: number, description: string] } = {
  "forward-denied": [ADMINISTRATIVELY_PROHIBITED, "not permitted"],
  "forward-limit": [RESOURCE_SHORTAGE, "too many connections"],
};
const CANNOT_CONNECT = [CONNECT_FAILED, "cannot connect"] as const;

/** The longest name of a host, in characters (RFC 1035 §2.3.4). */
const MAX_HOST = 255;

/** Forwarding over one connection of a server. Made when the client first asks for it. */
export class ServerForwards {
  readonly #context: ForwardsContext;
  /** Connections in both directions, those being opened included. */
  readonly #connections = new Set<HeldConnection>();
  #listeners: readonly Listener[] = [];
  /** Of the listener that is being opened. */
  #pending: AbortController | undefined;
  /** Why the SSH connection has ended. */
  #end: SshError | undefined;
  /** Requests that are not answered yet. They are handled one after another: a later one may be about the listener of an earlier one. */
  #queued = 0;
  #lastRequest: Promise<void> = Promise.resolve();

  constructor(context: ForwardsContext) {
    this.#context = context;
  }

  /** The client asks for a connection onward; `target` is `undefined` if it cannot be read. */
  onOpen(open: PeerOpen, target: ForwardTarget | undefined, originator: Originator | undefined): void {
    const refusal = this.#openRefusal(target);
    if (refusal === undefined) this.#hold((signal) => this.#connect(open, target!, originator, signal));
    else this.#refuseOpen(open, target, refusal);
  }

  /** The client asks for a listener; `address` is `undefined` if it cannot be read. */
  onListen(request: PeerGlobalRequest, address: ListenAddress | undefined): void {
    this.#enqueue(request, address, () => this.#listen(request, address));
  }

  /** The client no longer wants a listener. */
  onCancel(request: PeerGlobalRequest, address: ListenAddress | undefined): void {
    this.#enqueue(request, address, () => this.#cancel(request, address));
  }

  /** The SSH connection has ended. Resolves when every connection and listener is released. */
  async closed(error: SshError): Promise<void> {
    this.#end = error;
    const connections = [...this.#connections];
    const listeners = this.#listeners;
    this.#listeners = [];
    this.#pending?.abort(error);
    for (const { over } of [...connections, ...listeners]) over.abort(error);
    await Promise.all([...connections.map(({ released }) => released), ...listeners.map(stop)]);
  }

  /** Counts a connection until `carry` has released it. */
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
      return denied("the target is invalid");
    if (forwarding.connect === undefined || !isOpen()) return denied("connections are not forwarded");
    if (/* rule: login-permit-open */ !permissions.permitOpen.every((list) => permitsTarget(list, target)))
      return denied("the login's permitOpen does not name the target");
    return this.#connectionLimit();
  }

  #connectionLimit(): SshError | undefined {
    const { maxForwardedConnections } = this.#context.limits;
    if (/* rule: forwarded-connections */ this.#connections.size < maxForwardedConnections) return undefined;
    return new SshError("forward-limit", `${maxForwardedConnections} forwarded connections are the most at once`);
  }

  #refuseOpen(open: PeerOpen, target: ForwardTarget | undefined, error: unknown): void {
    const code = error instanceof SshError ? error.code : "internal";
    open.reject(...(OPEN_REFUSALS[code] ?? CANNOT_CONNECT));
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
    // Without one the SSH connection has ended.
    if (channel === undefined) return duplex.close();
    log({ type: "forward-opened", target, originator });
    await bridge(channel, duplex, signal);
  }

  #enqueue(request: PeerGlobalRequest, address: ListenAddress | undefined, handle: () => Promise<void>): void {
    // Requests that want no reply are not bounded otherwise.
    if (/* rule: queued-forward-requests */ this.#queued >= this.#context.limits.maxPeerRequests) {
      this.#refuseRequest(request, address, new SshError("request-limit", "too many requests wait for an answer"));
      return;
    }
    this.#queued++;
    this.#lastRequest = this.#lastRequest.then(handle).finally(() => this.#queued--);
  }

  async #listen(request: PeerGlobalRequest, address: ListenAddress | undefined): Promise<void> {
    // The request waited for one before it until the SSH connection ended.
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
      return denied("the address is invalid");
    if (forwarding.listen === undefined || !isOpen()) return denied("nothing is listened at for clients");
    if (/* rule: login-permit-listen */ !permissions.permitListen.every((list) => permitsAddress(list, address)))
      return denied("the login's permitListen does not name the address");
    // As sshd: without a reply the client would not learn the port.
    if (address.port === 0 && !request.wantReply) return denied("port 0 needs a reply");
    if (/* rule: forward-listeners */ this.#listeners.length >= limits.maxForwardListeners)
      return new SshError("forward-limit", `${limits.maxForwardListeners} listeners are the most at once`);
    if (this.#find(address) !== undefined) return denied("the client has a listener at this address");
    return undefined;
  }

  async #startListening(request: PeerGlobalRequest, requested: ListenAddress): Promise<void> {
    const { forwarding, log } = this.#context;
    const over = new AbortController();
    this.#pending = over;
    // A connection that is accepted before the reply waits for it: until then the client knows no such listener.
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

  /** The listener at an address, compared as it was asked for. */
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

  /** Offers the client a connection to its listener (RFC 4254 §7.2). Without a listener, or if the client refuses, it is closed. */
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

/** Stops listening. What the application throws is left uncaught. */
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

/** Encodes the open of a connection to a listener. The address is the one that the client asked for, as with OpenSSH. */
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

/** Resolves as `given` does, unless the signal aborts before: what is given later is closed at once. */
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

/** What a program without types may have given instead of a byte connection. Throws `usage`. */
function checkedDuplex(duplex: Partial<Duplex> | undefined): Duplex {
  if (typeof duplex?.open === "function" && typeof duplex.close === "function") return duplex as Duplex;
  throw usage("forwarding.connect returned no byte connection: see socketDuplex of @nacre/node and webDuplex");
}

/** The same for a listener: where port 0 was asked for, it names the port. */
function checkedListener(listener: ForwardingListener | undefined, { port }: ListenAddress): ForwardingListener {
  const { port: chosen = 0, close } = listener ?? ({} as Partial<ForwardingListener>);
  const isComplete = port !== 0 || (Number.isInteger(chosen) && chosen >= 1 && chosen <= 65_535);
  if (typeof close === "function" && isComplete) return listener!;
  throw usage("forwarding.listen returned no listener: { port: 8080, close() {…} }");
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
