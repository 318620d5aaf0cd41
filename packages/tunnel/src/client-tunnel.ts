import { copyBytes, SshError } from "@nacre/wire";
import { CLIENT_ACKNOWLEDGES_EVERY } from "./limits.ts";
import type { ChallengeMessage } from "./messages.ts";
import { type Hmac, resumeProof } from "./proof.ts";
import { type BufferGrowth, SendBuffer } from "./send-buffer.ts";
import { type HandshakeMessage, Tunnel } from "./tunnel.ts";

/** Destination of a tunnel, with the ticket that allows it. */
export interface OpenRequest {
  /** One-time ticket; empty if the gateway requires no ticket. */
  readonly ticket: string;
  /** Name or address of the SSH server. */
  readonly host: string;
  /** Port of the SSH server, 1 to 65535. */
  readonly port: number;
}

/** Credentials that the client needs to attach again. */
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

/** Client side of a tunnel. The option `hmac` computes HMAC-SHA-256. */
export class ClientTunnel extends Tunnel {
  readonly #hmac: Hmac;
  #state: State = { kind: "opening" };

  /** Queues OPEN, the first message of the first WebSocket. */
  constructor(request: OpenRequest, options: { readonly hmac: Hmac; readonly growth: BufferGrowth }) {
    super(CLIENT_ACKNOWLEDGES_EVERY, new SendBuffer(options.growth));
    this.#hmac = options.hmac;
    this.send({ type: "open", ...request });
  }

  get isAttached(): boolean {
    return this.#state.kind === "attached";
  }

  /** Records the loss of the WebSocket. Returns whether the tunnel can be attached to another one. */
  detach(): boolean {
    if (this.isOver || this.#state.kind === "opening") return false;
    this.clearHandshake();
    this.#state = { kind: "detached", resumable: this.#state.resumable };
    return true;
  }

  /** Queues ATTACH, the first message of the next WebSocket. Throws `usage` unless the tunnel is detached. */
  attach(): void {
    if (this.#state.kind !== "detached") throw new SshError("usage", "the tunnel is not detached");
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
        throw new SshError("malformed-message", "the gateway's tunnel position went back");
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
