import { forwardedStreamlocal, SshError, tcpipChannel, tcpipForwardReply } from "@nacre/wire";
import { usage } from "../../check.ts";
import type { Duplex } from "../../mux/duplex.ts";
import { leaveUncaught } from "../../mux/engine.ts";
import { openChannel } from "../../mux/open-channel.ts";
import type { PeerGlobalRequest } from "../../mux/peer-asks.ts";
import { openedUnlessAborted } from "../../on-abort.ts";
import { bridge } from "./bridge.ts";
import type { ForwardingListener } from "./forwarding.ts";
import { denied, type ForwardsContext, forwardContext, isAcceptable, logRefusal } from "./forwards-context.ts";
import type { HeldConnections } from "./held-connections.ts";
import { permitsAddress } from "./places.ts";
import { checkListenAddress, type ListenAddress } from "./remote-listener.ts";
import { formatTarget, type Originator, UNKNOWN_ORIGINATOR } from "./target.ts";

/** A listener opened for the client. */
interface Listener {
  /** Address that the client requested, with the chosen port instead of 0. */
  readonly address: ListenAddress;
  /** Aborts when the client cancels the listener, or the SSH connection ends. */
  readonly over: AbortController;
  readonly listening: ForwardingListener;
}

/** Listeners that a server opens for one client, and the connections they accept. */
export class ServerListeners {
  readonly #context: ForwardsContext;
  readonly #connections: HeldConnections;
  #listeners: readonly Listener[] = [];
  /** Controller of the listener being opened. */
  #pending: AbortController | undefined;
  /** The error that ended the SSH connection. */
  #end: SshError | undefined;
  /** Number of unanswered requests. They are handled in order, because a later one may concern the listener of an earlier one. */
  #queued = 0;
  #lastRequest: Promise<void> = Promise.resolve();

  constructor(context: ForwardsContext, connections: HeldConnections) {
    this.#context = context;
    this.#connections = connections;
  }

  /** Handles a request for a listener. `address` is `undefined` if it cannot be decoded. */
  onListen(request: PeerGlobalRequest, address: ListenAddress | undefined): void {
    this.#enqueue(request, address, () => this.#listen(request, address));
  }

  /** Handles a request to cancel a listener. */
  onCancel(request: PeerGlobalRequest, address: ListenAddress | undefined): void {
    this.#enqueue(request, address, () => this.#cancel(request, address));
  }

  /** Stops all listeners after the SSH connection has ended. Resolves when they are stopped. */
  async closed(error: SshError): Promise<void> {
    this.#end = error;
    const listeners = this.#listeners;
    this.#listeners = [];
    this.#pending?.abort(error);
    for (const { over } of listeners) over.abort(error);
    await Promise.all(listeners.map(stop));
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
    const { options, permissions, limits, isOpen } = this.#context;
    if (address === undefined || !isAcceptable(() => checkListenAddress(address), address.host))
      return denied("invalid listen address");
    if (options.forwarding?.listen === undefined || !isOpen())
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
    const { options, log } = this.#context;
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
      checkedListener(
        await options.forwarding?.listen?.(requested, { ...forwardContext(this.#context, over.signal), accept }),
        requested,
      );
    try {
      const listening = await openedUnlessAborted(listen(), over.signal, ({ reason }) => reason);
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
    const { limit } = this.#connections;
    if (limit === undefined) {
      this.#connections.hold(async (signal) => this.#forward(await replied, duplex, originator, signal));
    } else {
      logRefusal(this.#context, "a connection to a listener", limit);
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
    logRefusal(
      this.#context,
      address === undefined ? request.name : `${request.name} ${formatAddress(address)}`,
      error,
    );
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

/** Checks the result of `forwarding.listen`, which must have a port if the client requested port 0. Throws `usage`. */
function checkedListener(listener: ForwardingListener | undefined, { port }: ListenAddress): ForwardingListener {
  const { port: chosen = 0, close } = listener ?? ({} as Partial<ForwardingListener>);
  const isComplete = port !== 0 || (Number.isInteger(chosen) && chosen >= 1 && chosen <= 65_535);
  if (typeof close === "function" && isComplete) return listener!;
  throw usage("`forwarding.listen` returned an invalid listener; return { port: 8080, close() {…} }");
}
