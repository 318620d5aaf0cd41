import { seededRandom } from "@nacre/testing/random";
import { type Bytes, concatBytes } from "@nacre/wire";
import { hmac as hmacOf } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { ClientTunnel, GatewayTunnel, type Hmac, type TunnelEvent } from "../src/index.ts";
import type { Tunnel } from "../src/tunnel.ts";

export const hmac: Hmac = (key, message) => hmacOf(sha256, key, message);

const random = seededRandom(7);

/** One side of a tunnel, with the events and bytes that it received. */
export class Side<T extends Tunnel> {
  readonly tunnel: T;
  readonly events: TunnelEvent["type"][] = [];
  readonly #chunks: Uint8Array[] = [];
  /** Number of bytes received but not consumed. */
  held = 0;
  error: string | undefined;

  constructor(tunnel: T) {
    this.tunnel = tunnel;
  }

  get received(): Bytes {
    return concatBytes(...this.#chunks);
  }

  /** Takes all events. With `consume`, reports data as consumed immediately. */
  settle({ consume = true } = {}): void {
    for (let event = this.tunnel.nextEvent(); event !== undefined; event = this.tunnel.nextEvent()) {
      this.events.push(event.type);
      if (event.type === "closed") this.error = event.error.code;
      if (event.type !== "data") continue;
      this.#chunks.push(event.data);
      if (consume) this.tunnel.consumed(event.data.length);
      else this.held += event.data.length;
    }
  }

  consumeHeld(): void {
    this.tunnel.consumed(this.held);
    this.held = 0;
  }
}

/** A client and a gateway, with queues for the messages in flight in each direction. */
export class Pair {
  readonly client: Side<ClientTunnel>;
  readonly gateway: Side<GatewayTunnel>;
  toGateway: Bytes[] = [];
  toClient: Bytes[] = [];
  now = 0;
  readonly id = random(16);
  readonly secret = random(32);

  constructor({ spare = 0 }: { spare?: number } = {}) {
    this.client = new Side(
      new ClientTunnel({ ticket: "t", host: "example.org", port: 22 }, { hmac, growth: { spare } }),
    );
    this.gateway = new Side(
      new GatewayTunnel({
        id: this.id,
        secret: this.secret,
        address: "",
        resumeTime: 60_000,
        hmac,
        growth: { spare },
      }),
    );
    // Drop OPEN: a gateway's server handles it before it creates the tunnel.
    this.client.tunnel.takeMessage(0);
  }

  /** Queues up to `limit` messages from each side. */
  send(limit = Infinity): void {
    for (let i = 0, sent = 1; i < limit && sent > 0; i++) {
      sent = 0;
      for (const [side, queue] of [[this.client, this.toGateway] as const, [this.gateway, this.toClient] as const]) {
        const message = side.tunnel.takeMessage(this.now);
        if (message === undefined) continue;
        queue.push(message);
        sent++;
      }
    }
  }

  /** Delivers up to `limit` messages in each direction. */
  deliver(limit = Infinity, options: { readonly consume?: boolean } = {}): void {
    for (const message of this.toGateway.splice(0, limit)) this.gateway.tunnel.receive(message, this.now);
    for (const message of this.toClient.splice(0, limit)) this.client.tunnel.receive(message, this.now);
    this.client.settle(options);
    this.gateway.settle(options);
  }

  /** Sends and delivers until both queues are empty. */
  run(options: { readonly consume?: boolean } = {}): void {
    for (;;) {
      this.send();
      if (this.toGateway.length + this.toClient.length === 0) return;
      this.deliver(Infinity, options);
    }
  }

  /** Loses the WebSocket. The gateway still receives `reach` messages; the client receives no more. */
  lose(reach = 0): void {
    this.client.tunnel.detach();
    for (const message of this.toGateway.splice(0, reach)) this.gateway.tunnel.receive(message, this.now);
    this.gateway.settle();
    this.toGateway = [];
    this.toClient = [];
  }

  /** Attaches a new WebSocket. `late` messages of the old one arrive between the challenge and the proof. */
  attach(late: readonly Bytes[] = []): boolean {
    this.client.tunnel.attach();
    this.client.tunnel.takeMessage(this.now);
    const attempt = this.gateway.tunnel.challenge(random(32));
    this.client.tunnel.receive(attempt.message, this.now);
    const proof = this.client.tunnel.takeMessage(this.now);
    for (const message of late) this.gateway.tunnel.receive(message, this.now);
    this.gateway.settle();
    return proof !== undefined && attempt.prove(proof);
  }
}

/** Returns `length` bytes, starting with `first`. Adjacent bytes differ. */
export function pattern(length: number, first = 0): Bytes {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = first + i * 7 + (i >> 8);
  return bytes;
}
