import { createHmac, randomBytes } from "node:crypto";
import {
  type AttachAttempt,
  GatewayTunnel,
  type Hmac,
  NONCE_LENGTH,
  TUNNEL_ID_LENGTH,
  TUNNEL_SECRET_LENGTH,
  type TunnelEvent,
} from "@nacre/tunnel";
import type { Bytes } from "@nacre/wire";
import type { Peer } from "./context.ts";
import type { GatewayWebSocket } from "./gateway-web-socket.ts";
import { Relay, type RelaySettings, WEB_SOCKET_HIGH_WATER } from "./relay.ts";

const hmac: Hmac = (key, message) => createHmac("sha256", key).update(message).digest();

/** A connection over the tunnel protocol. It survives the loss of its WebSocket. */
export class TunnelRelay extends Relay {
  readonly #id: string;
  readonly #tunnel: GatewayTunnel;
  /** Whether the tunnel accepts more data from the destination. */
  #hasRoom = true;
  /** Bytes written to the TCP socket but not yet reported to the tunnel as consumed. */
  #unconsumed = 0;
  /** Whether a message waits because the WebSocket's buffer is full. */
  #isFull = false;
  readonly #onSent = (): void => {
    if (this.#isFull) this.#pump();
  };

  constructor(settings: RelaySettings, ws: GatewayWebSocket) {
    super(settings, ws);
    const { context } = settings;
    // One allocation for both, as each needs more memory than its bytes.
    const bytes = randomBytes(TUNNEL_ID_LENGTH + TUNNEL_SECRET_LENGTH);
    context.idPrefix.copy(bytes);
    const id = bytes.subarray(0, TUNNEL_ID_LENGTH);
    this.#id = id.toString("hex");
    this.#tunnel = new GatewayTunnel({
      id,
      secret: bytes.subarray(TUNNEL_ID_LENGTH),
      address: context.address,
      resumeTime: context.limits.resumeTime,
      hmac,
      growth: context.growth,
    });
    context.tunnels.set(this.#id, this);
    this.logOpened(false);
    this.#pump();
  }

  /** Returns whether a client may try to resume the connection. Its HTTP session and origin must be those that opened the connection. */
  mayAttach({ session, origin }: Peer): boolean {
    // rule: resume-session
    if (session !== this.peer.session) return false;
    // rule: resume-origin
    return origin === this.peer.origin;
  }

  challenge(): AttachAttempt {
    return this.#tunnel.challenge(randomBytes(NONCE_LENGTH));
  }

  /** Checks the answer to a challenge. If it is valid, moves the connection to `ws`, closes the old WebSocket and returns true. */
  resume(ws: GatewayWebSocket, by: Peer, attempt: AttachAttempt, answer: Uint8Array): boolean {
    if (this.isOver) return false;
    // rule: displace-after-proof
    if (!attempt.prove(answer)) {
      // A valid proof with an impossible position ends the tunnel; `#pump` handles that event.
      this.#pump();
      return false;
    }
    this.resumeOn(ws, by);
    this.#pump();
    return true;
  }

  protected fromClient(data: Buffer): void {
    this.#tunnel.receive(data, this.context.now());
    this.progressed();
    this.#pump();
  }

  protected written(): void {
    this.#pump();
  }

  protected fromDestination(message: Bytes): void {
    this.#hasRoom = this.#tunnel.writeMessage(message);
    this.#pump();
  }

  protected destinationEnded(): void {
    this.#tunnel.end();
    this.#pump();
  }

  protected destinationLost(why: string): void {
    // Send the data that the destination sent before it failed.
    const { ws } = this;
    if (ws !== undefined) {
      const now = this.context.now();
      for (let m = this.#tunnel.takeMessage(now); m !== undefined; m = this.#tunnel.takeMessage(now)) ws.sendMessage(m);
    }
    this.end("destination-lost", why);
  }

  protected webSocketLost(): void {
    if (this.context.limits.resumeTime === 0) return this.end("client-closed", "the WebSocket was lost");
    this.#tunnel.detach();
    // Parked data must not grow, so stop reading until the connection is resumed.
    this.readDestination(false);
    this.park(this.#tunnel.buffered + this.outlet.length);
  }

  protected silent(): void {
    this.#tunnel.acknowledgeAll();
    this.#pump();
  }

  protected released(): void {
    this.#tunnel.discard();
    this.context.tunnels.delete(this.#id);
  }

  /** Moves data in both directions until one side is full or has no more data. */
  #pump(): void {
    for (let isDone = false; !isDone && !this.isOver; ) {
      this.#consumeWritten();
      this.#send();
      const event = this.#tunnel.nextEvent();
      if (event === undefined) isDone = true;
      else this.#handle(event);
    }
    if (this.isOver) return;
    const { buffered } = this.#tunnel;
    this.count(buffered + this.outlet.length);
    this.readDestination(this.ws !== undefined && this.#hasRoom && this.mayRead(buffered));
    // rule: tunnel-backpressure-up
    this.ws?.read(this.mayRead(this.outlet.length));
  }

  #send(): void {
    const now = this.context.now();
    while (this.ws !== undefined) {
      this.#isFull = this.ws.queuedMemory >= WEB_SOCKET_HIGH_WATER;
      if (this.#isFull) return;
      const message = this.#tunnel.takeMessage(now);
      if (message === undefined) return;
      this.ws.sendMessage(message, this.#onSent);
    }
  }

  #handle(event: TunnelEvent): void {
    switch (event.type) {
      case "data":
        this.movedUp(event.data.length);
        if (this.isOver) return;
        this.#unconsumed += event.data.length;
        this.outlet.write(event.data);
        return;
      case "writable":
        this.#hasRoom = true;
        return;
      case "end":
        this.outlet.end();
        return;
      case "finished":
        return this.end("finished");
      case "closed":
        return this.end("protocol-error", event.error.message);
      case "opened":
      case "attached":
        // Only a client's tunnel reports these.
        return;
    }
  }

  /** Reports to the tunnel the bytes that the TCP socket passed to the system. */
  #consumeWritten(): void {
    const written = this.#unconsumed - this.outlet.length;
    if (written <= 0) return;
    this.#unconsumed -= written;
    this.#tunnel.consumed(written);
  }
}
