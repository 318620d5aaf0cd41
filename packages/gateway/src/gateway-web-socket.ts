import WebSocket from "ws";

/** Receiver of a WebSocket's events. It changes when a connection opens or is resumed. */
export interface WebSocketUser {
  /** Called with each message. */
  onMessage(ws: GatewayWebSocket, data: Buffer, isBinary: boolean): void;
  /** Called with each pong. */
  onPong(ws: GatewayWebSocket): void;
  /** Called once, with the close code. `violation` describes a violation of RFC 6455 by the client. */
  onClosed(ws: GatewayWebSocket, code: number, violation: string | undefined): void;
}

/** Bytes that the queue of a WebSocket needs for each message, beside the message. */
const MESSAGE_COST = 1024;

/** A WebSocket of the gateway. All of them share their listeners, because separate closures cost each idle WebSocket memory. */
export class GatewayWebSocket extends WebSocket {
  /** Receives the events; `undefined` if they are ignored. */
  user: WebSocketUser | undefined;
  /** Description of the client's violation of RFC 6455. */
  violation: string | undefined;
  #queued = 0;

  /** Memory in bytes of the messages that the system does not have yet. */
  get queuedMemory(): number {
    // rule: web-socket-queue
    return this.bufferedAmount + MESSAGE_COST * this.#queued;
  }

  /** Sends a message, and calls `sent` once the system has it or the WebSocket has failed. */
  sendMessage(message: Uint8Array, sent?: () => void): void {
    this.#queued++;
    this.send(message, () => {
      this.#queued--;
      sent?.();
    });
  }

  /** Starts or stops reading. */
  read(isRead: boolean): void {
    if (isRead === !this.isPaused) return;
    if (isRead) this.resume();
    else this.pause();
  }

  /** Adds the listeners that call `user`. */
  listen(): void {
    this.on("message", onMessage);
    this.on("pong", onPong);
    this.on("error", onError);
    this.on("close", onClose);
  }
}

function onMessage(this: WebSocket, data: WebSocket.RawData, isBinary: boolean): void {
  const ws = this as GatewayWebSocket;
  // `binaryType` is "nodebuffer", the default.
  ws.user?.onMessage(ws, data as Buffer, isBinary);
}

function onPong(this: WebSocket): void {
  const ws = this as GatewayWebSocket;
  ws.user?.onPong(ws);
}

/** Remembers a violation. `ws` itself sends its close code (RFC 6455 §7.4.1), and closes the WebSocket after any error. */
function onError(this: WebSocket, error: NodeJS.ErrnoException): void {
  if (error.code?.startsWith("WS_ERR") === true) (this as GatewayWebSocket).violation = error.message;
}

function onClose(this: WebSocket, code: number): void {
  const ws = this as GatewayWebSocket;
  ws.user?.onClosed(ws, code, ws.violation);
}
