import { copyBytes, SshError } from "@nacre/wire";
import type { ChallengeMessage } from "./messages.ts";
import { type Hmac, resumeProof } from "./proof.ts";
import { type BufferGrowth } from "./send-buffer.ts";
import { type HandshakeMessage, Tunnel } from "./tunnel.ts";

/** Destination of a tunnel, and what allows it. */
export interface OpenRequest {
  /** One-time ticket; empty where the gateway needs none. */
  readonly ticket: string;
  /** Name or address of the SSH server. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** What a client keeps to attach again. */
interface Resumable {
  readonly id: Uint8Array;
  readonly secret: Uint8Array;
}

type State =
  | { readonly kind: "opening" }
  | { readonly kind: "attached"; readonly resumable: Resumable }
  | { readonly kind: "detached"; readonly resumable: Resumable }
  | { readonly kind: "attaching"; readonly resumable: Resumable }
  | { readonly kind: "proving"; readonly resumable: Resumable; readonly challenged: number };

/** The client's side of a tunnel. `hmac`: HMAC-SHA-256. */
export class ClientTunnel extends Tunnel {
  readonly #hmac: Hmac;
  #state: State = { kind: "opening" };

  /** Sends OPEN: the first message of the first WebSocket. */
  constructor(request: OpenRequest, options: { readonly hmac: Hmac; readonly growth: BufferGrowth }) {
    super(options.growth);
    this.#hmac = options.hmac;
    this.send({ type: "open", ...request });
  }

  get isAttached(): boolean {
    return this.#state.kind === "attached";
  }

  /** The WebSocket was lost. Returns whether the tunnel can be attached to another one. */
  detach(): boolean {
    if (this.isOver || this.#state.kind === "opening") return false;
    this.clearHandshake();
    this.#state = { kind: "detached", resumable: this.#state.resumable };
    return true;
  }

  /** Sends ATTACH: the first message of the next WebSocket. Throws `usage` unless the tunnel is detached. */
  attach(): void {
    if (this.#state.kind !== "detached") throw new SshError("usage", "the tunnel has a WebSocket already");
    const { resumable } = this.#state;
    this.#state = { kind: "attaching", resumable };
    this.send({ type: "attach", id: resumable.id });
  }

  protected receiveHandshake(message: HandshakeMessage): void {
    const state = this.#state;
    if (message.type === "opened" && state.kind === "opening") {
      const { id, secret, address, resumeTime } = message;
      this.#state = { kind: "attached", resumable: { id: copyBytes(id), secret: copyBytes(secret) } };
      this.emit({ type: "opened", address, resumeTime });
    } else if (message.type === "challenge" && state.kind === "attaching") {
      this.#prove(state.resumable, message);
    } else if (message.type === "attached" && state.kind === "proving") {
      // rule: tunnel-challenge-position
      if (message.received < state.challenged)
        throw new SshError("malformed-message", "the gateway's tunnel position went back while attaching");
      this.sending.rewind(message.received);
      this.receiving.attached();
      this.#state = { kind: "attached", resumable: state.resumable };
      this.emit({ type: "attached" });
    } else {
      throw new SshError("unexpected-message", `the gateway sent ${message.type} while the tunnel was ${state.kind}`);
    }
  }

  #prove(resumable: Resumable, { nonce, received: gatewayReceived }: ChallengeMessage): void {
    const { received } = this.receiving;
    const claim = { id: resumable.id, nonce, gatewayReceived, clientReceived: received };
    this.send({ type: "prove", received, proof: resumeProof(this.#hmac, resumable.secret, claim) });
    this.#state = { kind: "proving", resumable, challenged: gatewayReceived };
  }
}
