import type { PacketSink, SentMessage } from "@nacre/packet";
import { copyBytes, SshError } from "@nacre/wire";

/** A message of the connection protocol, and the record of its sequence number. */
interface EarlyMessage {
  readonly payload: Uint8Array;
  readonly sent: SentMessage;
}

/**
 * Sink for the connection protocol until authentication succeeds. It queues messages, or sends them together with the login request, as
 * RFC 4252 §5.1 allows for channel opens. If that login fails, they are sent again after a later one succeeds.
 */
export class EarlySink implements PacketSink {
  readonly #target: PacketSink;
  /** Whether the server answered an early message with SSH_MSG_UNIMPLEMENTED. No further ones are sent early. */
  #refused = false;
  #waiting: EarlyMessage[] = [];
  /** Messages sent with the current login request. */
  #sent: EarlyMessage[] = [];
  /** Sequence numbers of messages sent with failed logins. */
  #lost: (number | undefined)[] = [];

  constructor(target: PacketSink) {
    this.#target = target;
  }

  write(payload: Uint8Array, sent: SentMessage = { sequenceNumber: undefined }): void {
    this.#waiting.push({ payload: copyBytes(payload), sent });
  }

  /** Never called: `held` keeps bulk data back. */
  begin(): never {
    throw new SshError("internal", "channel data before login");
  }

  commit(): void {}

  get pending(): number {
    return this.#target.pending;
  }

  get held(): boolean {
    return true;
  }

  get turnOver(): boolean {
    return this.#target.turnOver;
  }

  /** Sends queued messages together with the login request in flight, which is expected to succeed. */
  sendEarly(): void {
    if (this.#refused) return;
    this.#sent.push(...this.#waiting);
    this.#sendWaiting();
  }

  /** Queues the early messages again. The server handles messages in order, so it rejects them once the login has failed. */
  loginFailed(): void {
    this.#lost.push(...this.#sent.map(({ sent }) => sent.sequenceNumber));
    this.#waiting.unshift(...this.#sent);
    this.#sent = [];
  }

  /** Handles SSH_MSG_UNIMPLEMENTED. Returns whether the packet with that number was sent early. */
  unimplemented(sequenceNumber: number): boolean {
    const lost = this.#lost.indexOf(sequenceNumber);
    if (lost >= 0) {
      this.#lost.splice(lost, 1);
      return true;
    }
    // The login may still succeed. The server handled the early message before it decided.
    const place = this.#sent.findIndex(({ sent }) => sent.sequenceNumber === sequenceNumber);
    if (place < 0) return false;
    this.#waiting.push(...this.#sent.splice(place, 1));
    this.#refused = true;
    return true;
  }

  /** Sends queued messages after authentication succeeded. Later messages go directly to the transport. */
  open(): void {
    this.#sent = [];
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    for (const { payload, sent } of this.#waiting) this.#target.write(payload, sent);
    this.#waiting = [];
  }
}
