import type { PacketSink, SentMessage } from "@nacre/packet";
import type { Transport } from "@nacre/transport";
import { copyBytes, SshError } from "@nacre/wire";

/** A message of the connection protocol, and where its sequence number is noted when it leaves. */
interface EarlyMessage {
  readonly payload: Uint8Array;
  readonly sent: SentMessage;
}

/**
 * Takes the connection layer's messages until authentication has succeeded. Holds them, or lets them leave in the flight of the login itself,
 * as RFC 4252 §5.1 allows for channel opens. Messages that left early in vain are sent again once a login succeeds.
 */
export class EarlySink implements PacketSink {
  readonly #transport: Transport;
  /** The server has answered an early message with SSH_MSG_UNIMPLEMENTED: it gets no other. */
  #refused = false;
  #waiting: EarlyMessage[] = [];
  /** Sent with the login in flight. */
  #sent: EarlyMessage[] = [];
  /** Sequence numbers of those sent with logins that failed. */
  #lost: (number | undefined)[] = [];

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  write(payload: Uint8Array, sent: SentMessage = { sequenceNumber: undefined }): void {
    this.#waiting.push({ payload: copyBytes(payload), sent });
  }

  /** Bulk data waits while `held`. */
  begin(): never {
    throw new SshError("internal", "channel data was sent before the login succeeded");
  }

  commit(): void {}

  get pending(): number {
    return this.#transport.pending;
  }

  get held(): boolean {
    return true;
  }

  get turnOver(): boolean {
    return this.#transport.turnOver;
  }

  /** Lets what waits leave now, with a login under way that is expected to succeed. */
  sendEarly(): void {
    if (this.#refused) return;
    this.#sent.push(...this.#waiting);
    this.#sendWaiting();
  }

  /** The login failed: the server, which reads in order, could not take what was sent early. */
  loginFailed(): void {
    this.#lost.push(...this.#sent.map(({ sent }) => sent.sequenceNumber));
    this.#waiting.unshift(...this.#sent);
    this.#sent = [];
  }

  /** The server did not understand the packet of that number. Returns whether it carried a message that was sent early. */
  unimplemented(sequenceNumber: number): boolean {
    const lost = this.#lost.indexOf(sequenceNumber);
    if (lost >= 0) {
      this.#lost.splice(lost, 1);
      return true;
    }
    // The login may succeed yet: the server looked at what came with it first.
    const place = this.#sent.findIndex(({ sent }) => sent.sequenceNumber === sequenceNumber);
    if (place < 0) return false;
    this.#waiting.push(...this.#sent.splice(place, 1));
    this.#refused = true;
    return true;
  }

  /** Authentication has succeeded: sends what waits. Further messages go to the transport itself. */
  open(): void {
    this.#sent = [];
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    for (const { payload, sent } of this.#waiting) this.#transport.write(payload, sent);
    this.#waiting = [];
  }
}
