import type { Bytes } from "@nacre/wire";
import type { GatewayWebSocket } from "./gateway-web-socket.ts";
import { Relay, type RelaySettings, WEB_SOCKET_HIGH_WATER } from "./relay.ts";

/** A connection without the tunnel protocol: WebSocket messages contain only its bytes. It ends with its WebSocket. */
export class PlainRelay extends Relay {
  readonly #onSent = (): void => this.#regulate();

  constructor(settings: RelaySettings, ws: GatewayWebSocket) {
    super(settings, ws);
    this.logOpened(true);
    ws.resume();
    this.readDestination(true);
  }

  protected fromClient(data: Buffer): void {
    this.movedUp(data.length);
    if (this.isOver) return;
    this.outlet.write(data as Buffer<ArrayBuffer>);
    this.#regulate();
  }

  protected written(): void {
    this.#regulate();
  }

  protected fromDestination(message: Bytes): void {
    this.ws?.sendMessage(message.subarray(1), this.#onSent);
    this.#regulate();
  }

  /** Ends the connection: a WebSocket cannot close one direction only. */
  protected destinationEnded(): void {
    this.end("finished");
  }

  protected destinationLost(why: string): void {
    this.end("destination-lost", why);
  }

  protected webSocketLost(): void {
    this.end("client-closed", "the WebSocket was lost");
  }

  protected silent(): void {}

  protected released(): void {}

  /** Pauses reading from each side while the other side's buffer is full. */
  #regulate(): void {
    const { ws } = this;
    if (this.isOver || ws === undefined) return;
    const down = ws.queuedMemory;
    const up = this.outlet.length;
    this.count(down + up);
    // rule: plain-backpressure-down
    this.readDestination(down < WEB_SOCKET_HIGH_WATER && this.mayRead(down));
    // rule: plain-backpressure-up
    ws.read(up < WEB_SOCKET_HIGH_WATER && this.mayRead(up));
  }
}
