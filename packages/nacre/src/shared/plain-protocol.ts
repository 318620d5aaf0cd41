import { Connection } from "@nacre/connection";
import { type ClientProtocolEvent, PROTOCOL_LIMITS } from "@nacre/protocol";
import { Turn } from "@nacre/transport";
import { type Bytes, SSH_MSG_CHANNEL_FAILURE, SSH_MSG_CHANNEL_OPEN_CONFIRMATION, SshError } from "@nacre/wire";
import type { DrivenMachine } from "../mux/engine.ts";
import { FrameReader } from "./frames.ts";
import { PlainSink } from "./plain-sink.ts";

const LIMITS = PROTOCOL_LIMITS.defaults;

/**
 * The client's side of a connection that a master of OpenSSH shares: channels over plain packets, as a pure state machine. The master has
 * logged in, exchanges keys and keeps the connection alive. Its server is not known.
 *
 * There are no global requests: the master ends the connection of a client that sends one, and passes no reply on. So windows do not grow
 * either, which takes round trips measured with them.
 */
export class PlainProtocol implements DrivenMachine<ClientProtocolEvent> {
  readonly connection: Connection;
  readonly peerVersion = undefined;
  readonly wantsInput = true;
  readonly #frames = new FrameReader();
  readonly #turn = new Turn(LIMITS.maxTurnWork);
  readonly #sink = new PlainSink(this.#turn);
  /** "ends": the received packets are handled before the connection ends. */
  #state:
    | { readonly kind: "open" }
    | { readonly kind: "ends"; readonly error: SshError }
    | { readonly kind: "failed"; readonly error: SshError }
    | { readonly kind: "closed" } = { kind: "open" };

  constructor() {
    this.connection = new Connection({ sink: this.#sink, limits: LIMITS });
  }

  start(): void {}

  tick(): void {}

  /** None: nothing is awaited here. */
  deadline(): undefined {
    return undefined;
  }

  receive(chunk: Uint8Array): void {
    this.#frames.push(chunk);
  }

  end(): void {
    this.broken(new SshError("connection-lost", "the master of the shared connection ended it"));
  }

  broken(error: SshError): void {
    if (this.#state.kind === "open") this.#state = { kind: "ends", error };
  }

  get hasEvents(): boolean {
    return this.connection.hasEvents || this.#state.kind === "failed";
  }

  takeOutput(): readonly Bytes[] {
    const output = this.#sink.takeOutput();
    if (output.length > 0) this.connection.flush();
    return output;
  }

  nextEvent(): ClientProtocolEvent | undefined {
    while (this.#state.kind !== "closed") {
      if (this.#state.kind === "failed") {
        const { error } = this.#state;
        this.#state = { kind: "closed" };
        return { type: "closed", error };
      }
      const event = this.connection.nextEvent();
      if (event?.type === "closed") this.reject(event.error);
      else if (event !== undefined) return event;
      else if (this.#turn.left <= 0) {
        this.#turn.renew();
        this.connection.flush();
        return { type: "yield" };
      } else if (!this.#receiveNext()) {
        if (this.#state.kind !== "ends") return undefined;
        this.reject(this.#state.error);
      }
    }
    return undefined;
  }

  releaseBuffers(): void {
    this.connection.releaseBuffers();
  }

  /** Ends the connection. There is no message for that; the master closes the channels when the socket closes. */
  disconnect(error: SshError): void {
    if (this.#state.kind !== "closed") this.#state = { kind: "failed", error };
  }

  /** Sends nothing more, but goes on to receive. */
  leave(): void {
    this.#sink.close();
  }

  reject(error: SshError): void {
    this.disconnect(error);
  }

  /** Handles a packet. Returns whether there was one. */
  #receiveNext(): boolean {
    try {
      const frame = this.#frames.next();
      if (frame === undefined) return false;
      this.#turn.received(frame.length);
      this.connection.receive(payloadOf(frame));
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      this.reject(error);
    }
    return true;
  }
}

/**
 * Returns the message in a packet. Throws `packet-padding` if it has padding, and `unexpected-message` for what a master passes to no
 * client, such as opens and global requests.
 */
function payloadOf(frame: Bytes): Bytes {
  // rule: master-packet-padding
  if (frame[0] !== 0)
    throw new SshError("packet-padding", `the master sent a packet with ${frame[0]} bytes of padding`);
  const type = frame[1] ?? 0;
  const [first, last] = [SSH_MSG_CHANNEL_OPEN_CONFIRMATION.number, SSH_MSG_CHANNEL_FAILURE.number];
  // rule: master-packet-type
  if (type < first || type > last)
    throw new SshError("unexpected-message", `the master sent message ${type}, which does not belong to a channel`);
  return frame.subarray(1);
}
