import { type KeyUse, type PacketSealer, PacketWriter, type SentMessage } from "@nacre/packet";
import { type Bytes, copyBytes, type RandomSource, SshError } from "@nacre/wire";
import { DURING_REKEY } from "./gate.ts";
import type { TransportTrace } from "./options.ts";

/** A message that a key exchange holds back. */
interface Held {
  readonly payload: Uint8Array;
  readonly sent: SentMessage | undefined;
}

const NOTHING = new Uint8Array(0);
/** A message that waits costs at least so much memory, however short it is: a flood of replies of one byte is a flood. */
const LEAST_COST = 64;

/**
 * Everything that leaves: packets straight into the writer's slab, or, while a key exchange holds them back, into a queue that
 * is bounded (RFC 4253 §7.1).
 */
export class OutgoingPackets {
  readonly keyUse: KeyUse;
  readonly #writer: PacketWriter;
  readonly #maxQueuedBytes: number;
  readonly #trace: TransportTrace | undefined;
  #held = true;
  #closed = false;
  #queue: Held[] = [];
  #queuedBytes = 0;
  #queuedCost = 0;
  /** Payload between `begin` and `commit`. */
  #begun: Uint8Array = NOTHING;

  constructor(options: {
    readonly random: RandomSource;
    readonly maxQueuedBytes: number;
    readonly trace: TransportTrace | undefined;
  }) {
    this.#writer = new PacketWriter({ random: options.random });
    this.keyUse = this.#writer.keyUse;
    this.#maxQueuedBytes = options.maxQueuedBytes;
    this.#trace = options.trace;
  }

  /** Own KEXINIT was sent, own NEWKEYS was not: only key exchange messages and 1–4 may leave. */
  get held(): boolean {
    return this.#held;
  }

  /** Bytes that wait: for the socket, or for the end of a key exchange. */
  get pending(): number {
    return this.#writer.pending + this.#queuedBytes;
  }

  takeOutput(): Bytes | undefined {
    return this.#writer.takeOutput();
  }

  /** Bytes before the packets: the identification string. */
  writeRaw(bytes: Uint8Array): void {
    this.#writer.writeRaw(bytes);
  }

  /** A message of the transport's own that no key exchange holds back: 1–4 and 20–49. */
  send(payload: Uint8Array, sent?: SentMessage): void {
    this.#writer.write(payload);
    if (sent !== undefined) sent.sequenceNumber = this.#writer.sequenceNumber;
    if (this.#trace !== undefined) this.#told(this.#trace, payload);
  }

  /** A message that a key exchange holds back. It is copied. Throws `rekey-flood` when too much waits. */
  write(payload: Uint8Array, sent?: SentMessage): void {
    if (this.#closed) return;
    if (this.#held) this.#enqueue(copyBytes(payload), sent);
    else this.send(payload, sent);
  }

  begin(length: number): Uint8Array {
    this.#begun = this.#held || this.#closed ? new Uint8Array(length) : this.#writer.begin(length);
    return this.#begun;
  }

  commit(): void {
    const payload = this.#begun;
    this.#begun = NOTHING;
    if (this.#closed) return;
    if (this.#held) {
      this.#enqueue(payload, undefined);
    } else if (this.#trace === undefined) {
      this.#writer.commit();
    } else {
      // Sealing encrypts in place.
      const clear = payload.slice();
      this.#writer.commit();
      this.#told(this.#trace, clear);
    }
  }

  /** An answer that the peer can ask for without end: dropped when too much waits already, because it does not read. */
  answer(payload: Uint8Array): void {
    // rule: answer-room
    if (this.#writer.pending + this.#queuedCost + costOf(payload) > this.#maxQueuedBytes) return;
    if (DURING_REKEY[payload[0]!]) this.send(payload);
    else this.write(payload);
  }

  /** Own KEXINIT leaves: what is written from now on waits. */
  hold(): void {
    this.#held = true;
  }

  useSealer(sealer: PacketSealer, options: { readonly resetSequence: boolean }): void {
    this.#writer.useSealer(sealer, options);
  }

  /** Own NEWKEYS has left: what has waited leaves, in its order. */
  release(): void {
    this.#held = false;
    const queue = this.#queue;
    this.#forget();
    for (const { payload, sent } of queue) this.send(payload, sent);
  }

  /** Lets go of buffers, where nothing waits in them. */
  rest(): void {
    this.#writer.rest();
  }

  /** Drops what waits for keys; what waits for the socket can still be taken. */
  close(): void {
    this.#closed = true;
    this.#forget();
  }

  #forget(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#queuedCost = 0;
  }

  #enqueue(payload: Uint8Array, sent: SentMessage | undefined): void {
    const cost = costOf(payload);
    // rule: queued-bytes
    if (this.#queuedCost + cost > this.#maxQueuedBytes)
      throw new SshError(
        "rekey-flood",
        `More than ${this.#maxQueuedBytes} bytes have to wait for a key exchange that the peer does not bring to its end`,
      );
    this.#queue.push({ payload, sent });
    this.#queuedBytes += payload.length;
    this.#queuedCost += cost;
  }

  #told(trace: TransportTrace, payload: Uint8Array): void {
    const { sequenceNumber, lastPacketLength } = this.#writer;
    trace.packet({ direction: "sent", sequenceNumber, wireLength: lastPacketLength, payload });
  }
}

function costOf(payload: Uint8Array): number {
  // rule: queued-packet-cost
  return Math.max(payload.length, LEAST_COST);
}
