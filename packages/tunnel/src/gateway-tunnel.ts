import { type Bytes, equalBytes, SshError } from "@nacre/wire";
import { EncodedSendBuffer } from "./encoded-send-buffer.ts";
import { GATEWAY_ACKNOWLEDGES_EVERY } from "./limits.ts";
import { decodeTunnelMessage, encodeTunnelMessage } from "./messages.ts";
import { type Hmac, type ResumeClaim, resumeProof } from "./proof.ts";
import type { BufferGrowth } from "./send-buffer.ts";
import { type HandshakeMessage, Tunnel } from "./tunnel.ts";

/** Options of a new `GatewayTunnel`. */
export interface GatewayTunnelOptions {
  /** Tunnel id: 16 random bytes. */
  readonly id: Uint8Array;
  /** Tunnel secret: 32 random bytes. */
  readonly secret: Uint8Array;
  /** URL for attaching again; empty for the URL of the current WebSocket. */
  readonly address: string;
  /** Time in milliseconds that the gateway keeps a tunnel without a WebSocket; 0 disables attaching again. */
  readonly resumeTime: number;
  readonly hmac: Hmac;
  readonly growth: BufferGrowth;
}

/** Challenge on a new WebSocket. It accepts one proof. */
export interface AttachAttempt {
  /** Encoded CHALLENGE message to send. */
  readonly message: Uint8Array;
  /**
   * Verifies the client's PROVE message. Returns true if it proves the secret; the new WebSocket then carries the tunnel, and the caller
   * must close the old one. A failed attempt changes nothing and cannot be repeated.
   */
  prove(answer: Uint8Array): boolean;
}

/** Gateway side of a tunnel. Create it after connecting to the destination; the constructor queues OPENED. */
export class GatewayTunnel extends Tunnel {
  readonly id: Uint8Array;
  readonly #secret: Uint8Array;
  readonly #hmac: Hmac;
  readonly #sending: EncodedSendBuffer;
  #isAttached = true;

  constructor({ id, secret, address, resumeTime, hmac, growth }: GatewayTunnelOptions) {
    const sending = new EncodedSendBuffer(growth);
    super(GATEWAY_ACKNOWLEDGES_EVERY, sending);
    this.#sending = sending;
    this.id = id;
    this.#secret = secret;
    this.#hmac = hmac;
    this.send({ type: "opened", id, secret, address, resumeTime });
  }

  get isAttached(): boolean {
    return this.#isAttached;
  }

  /**
   * Adds an encoded DATA message, as `write` does with bytes. This saves a copy if the caller can reserve the first byte. `takeMessage` may
   * return the same memory, so the caller must not change it.
   */
  writeMessage(message: Bytes): boolean {
    this.assertOpen();
    this.#sending.writeMessage(message);
    return this.hasRoom();
  }

  /** Records the loss of the WebSocket. */
  detach(): void {
    this.clearHandshake();
    this.#isAttached = false;
  }

  /** Starts attaching a new WebSocket. `nonce` must be 32 fresh random bytes. */
  challenge(nonce: Uint8Array): AttachAttempt {
    const gatewayReceived = this.receiving.received;
    let isUsed = false;
    return {
      message: encodeTunnelMessage({ type: "challenge", nonce, received: gatewayReceived }),
      prove: (answer) => {
        // rule: tunnel-proof-once
        if (isUsed || this.isOver) return false;
        isUsed = true;
        return this.#attach(answer, { id: this.id, nonce, gatewayReceived });
      },
    };
  }

  protected receiveHandshake({ type }: HandshakeMessage): void {
    throw new SshError("unexpected-message", `the client sent ${type} in an open tunnel`);
  }

  #attach(answer: Uint8Array, claim: Omit<ResumeClaim, "clientReceived">): boolean {
    const message = decodeTunnelMessage(answer);
    if (message.type !== "prove") return false;
    const expected = resumeProof(this.#hmac, this.#secret, { ...claim, clientReceived: message.received });
    // rule: tunnel-proof
    if (!equalBytes(expected, message.proof)) return false;
    try {
      this.sending.rewind(message.received);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      this.fail(error);
      return false;
    }
    this.clearHandshake();
    this.receiving.attached();
    this.#isAttached = true;
    this.send({ type: "attached", received: this.receiving.received });
    return true;
  }
}
