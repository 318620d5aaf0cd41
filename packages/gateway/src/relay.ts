import type { Socket } from "node:net";
import type { CloseReason } from "@nacre/tunnel";
import type { Bytes } from "@nacre/wire";
import { closeWebSocket } from "./close-web-socket.ts";
import type { GatewayContext, Peer } from "./context.ts";
import type { Target } from "./destinations.ts";
import type { GatewayEvent } from "./events.ts";
import type { GatewayWebSocket, WebSocketUser } from "./gateway-web-socket.ts";
import type { Inlet } from "./inlet.ts";
import { Outlet } from "./outlet.ts";

/** Reason for the end of a connection, for the log. */
export type EndReason = Extract<GatewayEvent, { type: "closed" }>["reason"];

/** Settings and socket of a new connection. */
export interface RelaySettings {
  readonly context: GatewayContext;
  readonly peer: Peer;
  readonly target: Target;
  readonly user: string | undefined;
  /** Connected, paused socket of the destination. */
  readonly socket: Socket;
  readonly inlet: Inlet;
}

/** Memory in bytes of a WebSocket's queue above which the gateway stops writing to it. */
export const WEB_SOCKET_HIGH_WATER: number = 256 * 1024;

/** Bytes a direction may always buffer, even above `maxBufferedBytes`. A client acknowledges when it has consumed as much. */
const OWN_SHARE = 128 * 1024;

/** Longest idle timeout in milliseconds once the destination has ended its direction. */
const LINGER = 60_000;

/** Milliseconds without data after which a tunnel acknowledges all consumed bytes, so that the client can free them. */
const SILENT_AFTER = 1000;

/** Milliseconds to write the client's last bytes to the destination. */
const LAST_WRITE = 5000;

/** What carries a connection between the client and the gateway. */
export type RelayState =
  | { readonly kind: "carried"; readonly ws: GatewayWebSocket }
  /** The WebSocket was lost. The connection waits until a time for another one, and keeps bytes for it. */
  | { readonly kind: "parked"; readonly bytes: number; readonly until: number }
  | { readonly kind: "over" };

/** A TCP connection and the WebSocket that carries it. The gateway calls `tick` at least once a second. */
export abstract class Relay implements WebSocketUser {
  protected readonly context: GatewayContext;
  protected readonly peer: Peer;
  protected readonly socket: Socket;
  protected readonly outlet: Outlet;
  #state: RelayState;
  #resumed = 0;
  readonly #target: Target;
  readonly #user: string | undefined;
  readonly #startedAt: number;
  #activeAt: number;
  #heardAt: number;
  #pingedAt: number;
  #bytesUp = 0;
  #bytesDown = 0;
  /** Bytes of this connection in `context.memory.used`. */
  #counted = 0;

  protected constructor({ context, peer, target, user, socket, inlet }: RelaySettings, ws: GatewayWebSocket) {
    this.context = context;
    this.peer = peer;
    this.socket = socket;
    this.outlet = new Outlet(socket, () => this.written());
    this.#target = target;
    this.#user = user;
    this.#startedAt = context.now();
    this.#activeAt = this.#startedAt;
    this.#heardAt = this.#startedAt;
    this.#pingedAt = this.#startedAt;
    this.#state = this.#carriedBy(ws);
    context.relays.add(this);
    context.sockets.add(socket);
    socket.on("close", context.onSocketClosed);
    inlet.onMessage = (message) => {
      if (this.isOver) return;
      this.#moved(0, message.length - 1);
      if (!this.isOver) this.fromDestination(message);
    };
    socket.on("end", () => this.isOver || this.destinationEnded());
    socket.on(
      "error",
      (error: NodeJS.ErrnoException) => this.isOver || this.destinationLost(error.code ?? error.message),
    );
  }

  /** The WebSocket that carries the connection; `undefined` while it is parked, and after its end. */
  protected get ws(): GatewayWebSocket | undefined {
    return this.#state.kind === "carried" ? this.#state.ws : undefined;
  }

  protected get isOver(): boolean {
    return this.#state.kind === "over";
  }

  /** Ends and logs the connection. Sends `close` to the client, by default derived from `reason`; without it, terminates the WebSocket. */
  end(reason: EndReason, detail = "", close: CloseReason | undefined = closeReasonOf(reason)): void {
    if (this.isOver) return;
    const { context, peer, ws } = this;
    this.#leaveState();
    this.#state = { kind: "over" };
    this.released();
    if (ws !== undefined) ws.user = undefined;
    if (ws !== undefined && close !== undefined) closeWebSocket(ws, close);
    else ws?.terminate();
    // The destination may not read the last bytes.
    this.socket.setTimeout(LAST_WRITE, () => this.socket.destroy());
    if (reason === "finished" || reason === "client-closed") {
      this.outlet.flush();
      this.socket.destroySoon();
    } else this.socket.destroy();
    context.relays.delete(this);
    this.#forget();
    context.log({
      type: "closed",
      ...context.eventPeer(peer),
      ...this.#target,
      user: this.#user,
      reason,
      detail,
      bytesUp: this.#bytesUp,
      bytesDown: this.#bytesDown,
      milliseconds: Math.round(context.now() - this.#startedAt),
      resumed: this.#resumed,
    });
  }

  /** Ends the connection after a timeout, and sends pings. */
  tick(now: number): void {
    const { maxTime, idleTimeout, pingInterval } = this.context.limits;
    // rule: max-time
    if (now - this.#startedAt >= maxTime) return this.end("time-limit");
    const idle = this.socket.readableEnded ? Math.min(LINGER, idleTimeout) : idleTimeout;
    // rule: idle-timeout
    if (now - this.#activeAt >= idle) return this.end("idle-timeout");
    const state = this.#state;
    // rule: resume-time
    if (state.kind === "parked" && now >= state.until) return this.end("resume-timeout");
    if (state.kind !== "carried") return;
    if (now - this.#activeAt >= SILENT_AFTER) this.silent();
    const { ws } = state;
    // A paused WebSocket reads no pongs, so its silence does not count.
    if (ws.isPaused) this.#heardAt = now;
    // rule: ping-timeout
    if (now - this.#heardAt >= 2 * pingInterval) return this.#unresponsive(ws);
    if (now - this.#pingedAt < pingInterval) return;
    this.#pingedAt = now;
    ws.ping();
  }

  /** Logs `opened`, the connection's first event. */
  protected logOpened(plain: boolean): void {
    const { context, peer, socket } = this;
    const address = socket.remoteAddress ?? "";
    context.log({ type: "opened", ...context.eventPeer(peer), ...this.#target, address, user: this.#user, plain });
  }

  /** Starts or stops reading from the destination. */
  protected readDestination(isRead: boolean): void {
    if (isRead !== this.socket.isPaused()) return;
    if (isRead) this.socket.resume();
    else this.socket.pause();
  }

  /** Moves the connection to a new WebSocket, and closes the old one. */
  protected resumeOn(ws: GatewayWebSocket, { remoteAddress }: Peer): void {
    const { context, peer, ws: before } = this;
    this.#leaveState();
    this.#resumed++;
    context.log({ type: "resumed", ...context.eventPeer(peer), remoteAddress });
    this.#state = this.#carriedBy(ws);
    if (before !== undefined) closeWebSocket(before, "displaced");
  }

  /** Waits for a new WebSocket. Ends the connection instead if the client has too many bytes parked. */
  protected park(bytes: number): void {
    const { clients, limits, log, eventPeer, now } = this.context;
    if (!clients.park(this.peer.client, bytes)) return this.end("parked-limit", `${bytes} bytes`);
    this.#state = { kind: "parked", bytes, until: now() + limits.resumeTime };
    log({ type: "parked", ...eventPeer(this.peer), bytes });
  }

  onMessage(ws: GatewayWebSocket, data: Buffer, isBinary: boolean): void {
    this.#heardAt = this.context.now();
    if (ws !== this.ws) return;
    // rule: binary-only
    if (!isBinary) return this.end("protocol-error", "a text message");
    this.fromClient(data);
  }

  onPong(): void {
    this.#heardAt = this.context.now();
  }

  onClosed(ws: GatewayWebSocket, code: number, violation: string | undefined): void {
    if (ws !== this.ws) return;
    if (violation !== undefined) return this.end("protocol-error", violation);
    // 1001: the user left the page (RFC 6455 §7.4.1).
    if (code === 1000 || code === 1001) return this.end("client-closed", `code ${code}`);
    this.webSocketLost();
  }

  /** Counts bytes from the client to the destination. */
  protected movedUp(length: number): void {
    this.#moved(length, 0);
  }

  /** Restarts the idle timeout. */
  protected progressed(): void {
    this.#activeAt = this.context.now();
  }

  /** Updates the gateway's total with the bytes that the connection buffers. */
  protected count(bytes: number): void {
    this.context.memory.used += bytes - this.#counted;
    this.#counted = bytes;
  }

  /** Returns whether a direction of the connection that buffers this many bytes may read more. */
  protected mayRead(bytes: number): boolean {
    const { used, most } = this.context.memory;
    // rule: buffered-bytes
    return bytes < OWN_SHARE || used < most;
  }

  /** Called at the end of the connection, to release shared resources. */
  protected abstract released(): void;
  protected abstract fromClient(data: Buffer): void;
  /** Called when the destination's socket has passed bytes of the client to the system. */
  protected abstract written(): void;
  /** `message` is a DATA message: the message number, then the bytes. */
  protected abstract fromDestination(message: Bytes): void;
  protected abstract destinationEnded(): void;
  protected abstract destinationLost(why: string): void;
  /** Called when the WebSocket is lost. Parks or ends the connection. */
  protected abstract webSocketLost(): void;
  /** Called on each tick while no data has moved for {@link SILENT_AFTER}. */
  protected abstract silent(): void;

  #carriedBy(ws: GatewayWebSocket): RelayState {
    ws.user = this;
    this.#heardAt = this.context.now();
    this.#pingedAt = this.#heardAt;
    return { kind: "carried", ws };
  }

  /** Stops counting parked bytes. */
  #leaveState(): void {
    if (this.#state.kind === "parked") this.context.clients.unpark(this.peer.client, this.#state.bytes);
  }

  /** Stops counting the connection, once its destination has the last bytes: until then they take memory. */
  #forget(): void {
    const { context, peer, socket } = this;
    const left = socket.destroyed ? 0 : /* rule: last-bytes-counted */ this.outlet.length;
    this.count(left);
    if (left > 0) socket.once("close", () => this.#forget());
    else context.clients.remove(peer.client);
  }

  #moved(up: number, down: number): void {
    this.#bytesUp += up;
    this.#bytesDown += down;
    this.context.metrics.bytesUp += up;
    this.context.metrics.bytesDown += down;
    this.#activeAt = this.context.now();
    // rule: max-bytes
    if (this.#bytesUp + this.#bytesDown > this.context.limits.maxBytes) this.end("byte-limit");
  }

  #unresponsive(ws: GatewayWebSocket): void {
    ws.terminate();
    this.webSocketLost();
  }
}

function closeReasonOf(reason: EndReason): CloseReason | undefined {
  return reason === "client-closed" || reason === "resume-timeout" || reason === "parked-limit" ? undefined : reason;
}
