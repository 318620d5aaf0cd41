import type { KeyUse } from "@nacre/packet";
import type { TransportLimits } from "./limits.ts";
import type { NegotiatedDirection } from "./options.ts";

/** Decides when to rekey (RFC 4253 §9, RFC 4344 §3). */
export class RekeyPolicy {
  readonly #limits: TransportLimits;
  #maxBytesSent = Infinity;
  #maxBytesReceived = Infinity;
  /** Time at which the keys are too old, in milliseconds; `undefined` before the first keys. */
  deadline: number | undefined;

  constructor(limits: TransportLimits) {
    this.#limits = limits;
  }

  /** Reports that new keys are in use in both directions. */
  keysChanged(sending: NegotiatedDirection, receiving: NegotiatedDirection, now: number): void {
    this.#maxBytesSent = Math.min(this.#limits.rekeyBytes, sending.cipher.maxBytes);
    // rule: cipher-bytes
    this.#maxBytesReceived = Math.min(this.#limits.rekeyBytes, receiving.cipher.maxBytes);
    this.deadline = now + this.#limits.rekeyInterval;
  }

  /** Returns whether the keys have reached a byte or packet limit in either direction. */
  isUsedUp(sent: KeyUse, received: KeyUse): boolean {
    const { rekeyPackets } = this.#limits;
    return (
      sent.bytesSinceKeys >= this.#maxBytesSent ||
      received.bytesSinceKeys >= this.#maxBytesReceived ||
      sent.packetsSinceKeys >= rekeyPackets ||
      received.packetsSinceKeys >= rekeyPackets
    );
  }
}
