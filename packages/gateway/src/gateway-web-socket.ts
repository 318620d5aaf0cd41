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

/** A WebSocket of the gateway. All of them share the listeners of {@link listen}, because closures of its own cost an idle one memory. */
export class GatewayWebSocket extends WebSocket {
  user: WebSocketUser | undefined;
  #violation: string | undefined;

  /** Adds the listeners that call `user`. */
  listen(): void {
    this.on("message", GatewayWebSocket.#onMessage);
    this.on("pong", GatewayWebSocket.#onPong);
    this.on("error", GatewayWebSocket.#onError);
    this.on("close", GatewayWebSocket.#onClose);
  }

  static #onMessage(this: WebSocket, data: WebSocket.RawData, isBinary: boolean): void {
    const ws = this as GatewayWebSocket;
    // `binaryType` is "nodebuffer", the default.
    ws.user?.onMessage(ws, data as Buffer, isBinary);
  }

  static #onPong(this: WebSocket): void {
    const ws = this as GatewayWebSocket;
    ws.user?.onPong(ws);
  }

  /** Remembers a violation. `ws` itself sends its close code (RFC 6455 §7.4.1), and closes the WebSocket after any error. */
  static #onError(this: WebSocket, error: NodeJS.ErrnoException): void {
    if (error.code?.startsWith("WS_ERR") === true) (this as GatewayWebSocket).#violation = error.message;
  }

  static #onClose(this: WebSocket, code: number): void {
    const ws = this as GatewayWebSocket;
    ws.user?.onClosed(ws, code, ws.#violation);
  }
}
