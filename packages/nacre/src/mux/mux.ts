import type { ClientProtocolEvent, ServerProtocolEvent } from "@nacre/protocol";
import { type AskToken, CHANNEL_OPEN_FAILURE_REASON, escapeText, SshError } from "@nacre/wire";
import { afterEnd } from "./after-end.ts";
import { uncaught } from "./application-handlers.ts";
import { Channel, type ChannelWatcher } from "./channel.ts";
import type { Duplex } from "./duplex.ts";
import { type DrivenMachine, Engine, type EngineHandler, leaveUncaught } from "./engine.ts";
import { type PeerAsks, PeerGlobalRequest, PeerOpen } from "./peer-asks.ts";

type SessionEvent = ClientProtocolEvent | ServerProtocolEvent;

/** Accepts or rejects a channel open of the peer, now or later. */
export type ChannelAcceptor = (open: PeerOpen) => void;

/** Handles a global request of the peer, now or later. */
export type GlobalRequestHandler = (request: PeerGlobalRequest) => void;

/** The part of a connection that differs between client and server, such as the login. */
export interface MuxSide<E extends SessionEvent> {
  /** Called with each event other than those of channels and global requests. */
  event(event: E): void;
  /**
   * Called when a channel open or global request of the peer was refused, because it has no handler or exceeds a limit. `name` is the
   * channel type or the request name.
   */
  refused(name: string): void;
  /**
   * Called when the connection has ended, before its channels close. The returned promise resolves when this side has released its
   * resources.
   */
  closed(error: SshError): void | Promise<void>;
  /** Returns the error that channels and pending requests get when this error has ended the connection; by default the same. */
  readonly lossOf?: ((error: SshError) => SshError) | undefined;
}

/** Receives the outcome of one of our channel opens. Exactly one method is called, in the turn of the event. */
export interface OpenHandler {
  /** Called with the channel when the peer confirmed. Set its `handler` here: its data may follow in the same packet. */
  opened(channel: Channel): void;
  /**
   * Called when the peer refused. `reasonCode` is a `CHANNEL_OPEN_FAILURE_REASON`. `description` comes from the peer: escape it before
   * display.
   */
  refused(reasonCode: number, description: string): void;
  /** Called when the connection ended before the peer answered. */
  lost(error: SshError): void;
}

/** The reply to one of our global requests. `error` is set if the connection ended before the reply. */
export type GlobalReply =
  | { readonly success: true; readonly data: Uint8Array }
  | { readonly success: false; readonly error: SshError | undefined };

/**
 * The channels and global requests of one connection, for either side. Calls each handler in the turn of its event, before the peer's next
 * message is handled. Opens and requests without a handler are refused.
 */
export class Mux<E extends SessionEvent> implements EngineHandler<E>, PeerAsks {
  /** Drives the protocol machine over the byte connection. */
  readonly engine: Engine<E>;
  /** Whether this side opens sessions only, and sends no global requests: the server may be false. */
  isRestricted = false;
  /** Called with each channel that opens. Returns who learns when it is used. */
  watch: ((channel: Channel) => ChannelWatcher) | undefined;
  readonly #side: MuxSide<E>;
  /** Acceptors of the peer's channel opens, by channel type. */
  readonly #acceptors = new Map<string, ChannelAcceptor>();
  /** Handlers of the peer's global requests, by name. */
  readonly #handlers = new Map<string, GlobalRequestHandler>();
  /** Open channels by local number. */
  readonly #channels: (Channel | undefined)[] = [];
  /** Handlers of pending opens by local channel number. */
  #opens: Map<number, OpenHandler> | undefined;
  /** Callbacks of pending global requests by request number. */
  #requests: Map<number, (reply: GlobalReply) => void> | undefined;

  constructor(duplex: Duplex, machine: DrivenMachine<E>, side: MuxSide<E>) {
    this.engine = new Engine(duplex, machine, this);
    this.#side = side;
  }

  /**
   * Opens a channel to the peer. After the end of the connection, throws a new error with its code. Also throws `channel-limit`, or
   * `usage` for an open that does not fit into a packet.
   */
  open(channelType: string, data: Uint8Array | undefined, handler: OpenHandler): undefined {
    this.#assertAlive();
    // rule: restricted-channels
    if (channelType !== "session") this.#assertUnrestricted();
    const id = this.engine.machine.connection.openChannel(channelType, data);
    this.#opens ??= new Map();
    this.#opens.set(id, handler);
    this.engine.touch();
  }

  /** Lets the peer open channels of a type on this connection. Throws `usage` if the type has an acceptor. */
  accept(channelType: string, acceptor: ChannelAcceptor): void {
    // rule: restricted-accept
    this.#assertUnrestricted();
    addHandler(this.#acceptors, channelType, acceptor);
    this.engine.machine.connection.allow(channelType);
  }

  /**
   * Sends a global request. It wants a reply only if `onReply` is given, which is called once, in the turn of the reply. After the end of
   * the connection, throws a new error with its code. Also throws `request-limit`, or `usage` for a request that does not fit into a
   * packet.
   */
  globalRequest(requestName: string, data: Uint8Array, onReply?: (reply: GlobalReply) => void): void {
    this.#assertAlive();
    // rule: restricted-requests
    this.#assertUnrestricted();
    const { connection } = this.engine.machine;
    const id = connection.globalRequest(requestName, data, { wantReply: onReply !== undefined });
    if (onReply !== undefined) {
      this.#requests ??= new Map();
      this.#requests.set(id, onReply);
    }
    this.engine.touch();
  }

  /** Handles the peer's global requests of a name on this connection. Throws `usage` if the name has a handler. */
  onGlobalRequest(requestName: string, handler: GlobalRequestHandler): void {
    // rule: restricted-handlers
    this.#assertUnrestricted();
    addHandler(this.#handlers, requestName, handler);
  }

  /** Handles an event. Called by the engine. */
  event(event: E): void {
    switch (event.type) {
      case "data":
      case "writable":
      case "eof":
        try {
          const channel = this.#channels[event.channel];
          if (event.type === "data") channel?.onData(event.stream, event.data);
          else if (event.type === "writable") channel?.handler.writable();
          else channel?.handler.eof();
        } catch (thrown) {
          leaveUncaught(thrown);
        }
        return;
      case "channel-closed": {
        const channel = this.#channels[event.channel];
        this.#channels[event.channel] = undefined;
        uncaught(() => channel?.onClosed(undefined));
        return;
      }
      case "request-reply":
        this.#channels[event.channel]?.onReply(event.request, event.success);
        return;
      case "channel-opened":
        this.#takeOpen(event.channel)?.opened(this.#addChannel(event.channel));
        return;
      case "channel-open-failed":
        this.#takeOpen(event.channel)?.refused(event.reasonCode, event.description);
        return;
      case "open-request": {
        const acceptor = this.#acceptors.get(event.channelType);
        const open = new PeerOpen(this, event);
        if (acceptor !== undefined) acceptor(open);
        else {
          open.reject(CHANNEL_OPEN_FAILURE_REASON.ADMINISTRATIVELY_PROHIBITED, "refused");
          this.#side.refused(event.channelType);
        }
        return;
      }
      case "open-refused":
        this.#side.refused(event.channelType);
        return;
      case "global-request": {
        const handler = this.#handlers.get(event.requestName);
        const request = new PeerGlobalRequest(this, event);
        if (handler !== undefined) handler(request);
        else if (request.wantReply) {
          this.#side.refused(request.name);
          request.reply(false);
        }
        return;
      }
      case "global-reply": {
        const onReply = this.#requests?.get(event.request);
        this.#requests?.delete(event.request);
        uncaught(() =>
          onReply?.(event.success ? { success: true, data: event.data } : { success: false, error: undefined }),
        );
        return;
      }
      case "channel-request": {
        const channel = this.#channels[event.channel];
        if (channel !== undefined) channel.handler.request(event);
        else if (event.token !== undefined) this.engine.machine.connection.answerRequest(event.token, false);
        return;
      }
      default:
        this.#side.event(event);
    }
  }

  /** Ends all channels and pending requests. Called by the engine when the connection has ended. */
  closed(reason: SshError): void | Promise<void> {
    const released = this.#side.closed(reason);
    const error = this.#side.lossOf?.(reason) ?? reason;
    const opens = [...(this.#opens?.values() ?? [])];
    const requests = [...(this.#requests?.values() ?? [])];
    this.#opens = undefined;
    this.#requests = undefined;
    for (const handler of opens) uncaught(() => handler.lost(error));
    for (const onReply of requests) uncaught(() => onReply({ success: false, error }));
    for (const channel of this.#channels.splice(0)) uncaught(() => channel?.onClosed(error));
    return released;
  }

  /** Accepts an open of the peer. `PeerOpen` and `PeerGlobalRequest` call this and the next two methods; applications call theirs. */
  acceptOpen(token: AskToken): Channel | undefined {
    if (this.engine.over !== undefined) return undefined;
    const id = this.engine.machine.connection.answerOpen(token, true);
    this.engine.touch();
    return id === undefined ? undefined : this.#addChannel(id);
  }

  /** Refuses an open of the peer. */
  rejectOpen(token: AskToken, reasonCode: number, description: string): void {
    if (this.engine.over !== undefined) return;
    this.engine.machine.connection.answerOpen(token, { reasonCode, description });
    this.engine.touch();
  }

  /** Answers a global request of the peer. */
  answerGlobal(token: AskToken, success: boolean, data: Uint8Array | undefined): void {
    if (this.engine.over !== undefined) return;
    this.engine.machine.connection.answerGlobal(token, success, data);
    this.engine.touch();
  }

  #addChannel(id: number): Channel {
    const channel = new Channel(this.engine, id, this.watch);
    this.#channels[id] = channel;
    return channel;
  }

  #takeOpen(id: number): OpenHandler | undefined {
    const handler = this.#opens?.get(id);
    this.#opens?.delete(id);
    return handler;
  }

  #assertUnrestricted(): void {
    if (this.isRestricted) throw new SshError("host-key-changed", "only sessions: the host key has changed");
  }

  #assertAlive(): void {
    const { over } = this.engine;
    if (over !== undefined) throw afterEnd(over);
  }
}

function addHandler<Handler>(handlers: Map<string, Handler>, name: string, handler: Handler): void {
  if (handlers.has(name)) throw new SshError("usage", `"${escapeText(name)}" has a handler on this connection already`);
  handlers.set(name, handler);
}
