import {
  type ClientTunnel,
  decodeTunnelMessage,
  GatewayTunnel,
  MAX_MESSAGE_LENGTH,
  MAX_SEND_BUFFER,
  TUNNEL_MESSAGE,
  type TunnelEvent,
  type TunnelMessage,
} from "@nacre/tunnel";
import { type Bytes, concatBytes } from "@nacre/wire";
import { attempt, Broken, expectEqual, expectRefusal, expectTrue } from "../../contract.ts";

/** Maximum number of bytes that one end writes per input. */
const MOST_WRITTEN = 6 * 1024 * 1024;

/** Bytes written in both directions. Each byte depends on its position, so that a lost or repeated byte is detected. */
const CONTENT = Uint8Array.from({ length: MOST_WRITTEN }, (_, i) => (i * 7 + (i >> 8) + (i >> 16)) & 0xff);

/** Message types that each end may send. */
const MESSAGES: Readonly<Record<"client" | "gateway", readonly TunnelMessage["type"][]>> = {
  client: ["open", "attach", "prove", "data", "acknowledge", "end"],
  gateway: ["opened", "attached", "data", "acknowledge", "end"],
};

/** One end of a tunnel and its application. Checks the messages and events of the end. */
export class TunnelEnd<T extends ClientTunnel | GatewayTunnel = ClientTunnel | GatewayTunnel> {
  readonly tunnel: T;
  /** Whether the application consumes data as it arrives. */
  consumes = true;
  /** Number of bytes written. */
  written = 0;
  /** Number of bytes received. */
  received = 0;
  hasEnded = false;
  peerHasEnded = false;
  /** Whether either end received a message that the other did not send. The ends may then disagree. */
  isAttacked = false;
  /** Final event of the tunnel; `undefined` until it is emitted. */
  last: "finished" | "closed" | undefined;
  readonly #role: "client" | "gateway";
  #consumed = 0;
  #acknowledged = 0;

  constructor(role: "client" | "gateway", tunnel: T) {
    this.#role = role;
    this.tunnel = tunnel;
  }

  /** Writes the next bytes; a gateway as one DATA message if `asMessage`. */
  write(length: number, asMessage: boolean): void {
    if (this.hasEnded || this.tunnel.isOver) return;
    const bytes = CONTENT.slice(this.written, this.written + length);
    this.written += bytes.length;
    if (asMessage && this.tunnel instanceof GatewayTunnel)
      this.tunnel.writeMessage(concatBytes(Uint8Array.of(TUNNEL_MESSAGE.DATA), bytes));
    else this.tunnel.write(bytes);
  }

  end(): void {
    if (this.hasEnded || this.tunnel.isOver) return;
    this.hasEnded = true;
    this.tunnel.end();
  }

  /** Consumes all bytes received. */
  consume(): void {
    this.tunnel.consumed(this.received - this.#consumed);
    this.#consumed = this.received;
  }

  receive(message: Uint8Array, now: number): void {
    this.tunnel.receive(message, now);
    this.takeEvents();
  }

  takeMessage(now: number): Bytes | undefined {
    const bytes = this.tunnel.takeMessage(now);
    this.takeEvents();
    if (bytes === undefined) return undefined;
    const message = decodeTunnelMessage(bytes);
    expectTrue(MESSAGES[this.#role].includes(message.type), `the ${this.#role} sent ${message.type}`);
    if (message.type !== "acknowledge") return bytes;
    // END occupies one position.
    const position = this.#consumed + (this.peerHasEnded ? 1 : 0);
    expectTrue(message.consumed <= position, `the ${this.#role} acknowledged bytes that it has not consumed`);
    this.#acknowledged = message.consumed;
    return bytes;
  }

  takeEvents(): void {
    for (let event = this.tunnel.nextEvent(); event !== undefined; event = this.tunnel.nextEvent()) this.#on(event);
    const { buffered, isOver } = this.tunnel;
    expectTrue(buffered >= 0 && buffered <= this.written, `${buffered} bytes buffered of ${this.written}`);
    expectTrue(!isOver || buffered === 0, `${buffered} bytes buffered after the end`);
  }

  #on(event: TunnelEvent): void {
    if (this.last !== undefined) throw new Broken(`the ${this.#role} emitted ${event.type} after ${this.last}`);
    switch (event.type) {
      case "data":
        return this.#onData(event.data);
      case "end":
        expectTrue(!this.peerHasEnded, "a second end");
        this.peerHasEnded = true;
        return;
      case "closed":
        expectRefusal(event.error);
        if (!this.isAttacked) throw new Broken(`the ${this.#role} refused its honest peer: ${event.error.message}`);
        this.last = "closed";
        return;
      case "finished":
        expectTrue(this.hasEnded && this.peerHasEnded, "finished before both directions ended");
        this.last = "finished";
        return;
      case "opened":
      case "attached":
      case "writable":
    }
  }

  #onData(data: Uint8Array): void {
    expectTrue(this.tunnel.isAttached, "data without a WebSocket that carries the tunnel");
    expectTrue(!this.peerHasEnded, "data after the end");
    expectTrue(data.length < MAX_MESSAGE_LENGTH, `${data.length} bytes in one message`);
    const start = this.received;
    this.received += data.length;
    expectTrue(this.received - this.#acknowledged <= MAX_SEND_BUFFER, "data beyond what was acknowledged and allowed");
    if (!this.isAttacked) expectEqual(data, CONTENT.slice(start, this.received), `the ${this.#role}'s data`);
    if (this.consumes) this.consume();
  }
}

/** Decodes a message. Returns `undefined` if it is malformed. */
export function decoded(message: Uint8Array): TunnelMessage | undefined {
  return attempt(() => decodeTunnelMessage(message));
}
