import {
  type NewKeys,
  type PacketCounts,
  type PacketSealer,
  type PacketSink,
  PacketWriter,
  type SentMessage,
} from "@nacre/packet";
import { type Bytes, copyBytes, type RandomSource, SshError } from "@nacre/wire";
import { DURING_REKEY } from "./gate.ts";
import type { TransportTrace } from "./options.ts";
import type { Turn } from "./turn.ts";

/** Message queued until the end of a key exchange. */
interface Held {
  readonly payload: Uint8Array;
  readonly sent: SentMessage | undefined;
}

const NOTHING = new Uint8Array(0);
/** Minimum cost of a queued message in bytes. Counting only payload would let one-byte replies exhaust memory. */
const LEAST_COST = 64;

interface OutgoingOptions {
  readonly random: RandomSource;
  readonly maxQueuedBytes: number;
  readonly trace: TransportTrace | undefined;
  readonly turn: Turn;
  /** Called when the keys are used up. */
  onUsedUp(): void;
  /** Called with an error that a layer above cannot handle, such as a failure to seal. */
  onFault(error: unknown): void;
}

/**
 * Outgoing packets, and the sink for the layers above. Normally packets go straight into the writer's buffer; during a key exchange they go
 * into a bounded queue (RFC 4253 §7.1).
 */
export class OutgoingPackets implements PacketSink {
  readonly counts: PacketCounts;
  readonly #writer: PacketWriter;
  readonly #options: OutgoingOptions;
  #held = true;
  #closed = false;
  #queue: Held[] = [];
  #queuedBytes = 0;
  #queuedCost = 0;
  /** Payload between `begin` and sealing; empty otherwise. */
  #begun: Uint8Array = NOTHING;
  /** The stream that `#begun` belongs to, if it is committed and more bytes can still be added; otherwise 0. */
  #open = 0;

  constructor(options: OutgoingOptions) {
    this.#writer = new PacketWriter({ random: options.random });
    this.counts = this.#writer.counts;
    this.#options = options;
  }

  /** Whether our KEXINIT is sent and our NEWKEYS is not: only key exchange messages and 1–4 may be sent. */
  get held(): boolean {
    return this.#held;
  }

  /** Bytes waiting for the socket or for the end of a key exchange. */
  get pending(): number {
    return this.#writer.pending + this.#queuedBytes + this.#begun.length;
  }

  get turnOver(): boolean {
    return this.#options.turn.left < 0;
  }

  takeOutput(): readonly Bytes[] {
    if (this.#open > 0) this.commit();
    return this.#writer.takeOutput();
  }

  /** Writes the identification string, which precedes the packets. */
  writeRaw(bytes: Uint8Array): void {
    this.#writer.writeRaw(bytes);
  }

  /** Sends a message of the transport that is allowed during a key exchange: 1–4 and 20–49. */
  send(payload: Uint8Array, sent?: SentMessage): void {
    if (this.#closed) return;
    if (this.#open > 0) this.#seal();
    this.#writer.write(payload);
    if (sent !== undefined) sent.sequenceNumber = this.#writer.counts.sequenceNumber;
    this.#tracePacket(payload);
  }

  /** Sends a message, or queues it during a key exchange. An error, such as a full queue, ends the connection. */
  write(payload: Uint8Array, sent?: SentMessage): void {
    this.#options.turn.sent();
    try {
      this.#put(payload, sent);
      if (this.counts.isUsedUp) this.#options.onUsedUp();
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  begin(header: number, length: number, stream: number, most: number): Uint8Array {
    if (this.#open === stream && this.#begun.length + length <= header + most) {
      const payload = this.#writer.extend(length);
      if (payload !== undefined) return (this.#begun = payload);
    }
    this.#options.turn.sent();
    if (this.#open > 0) this.commit();
    const whole = header + length;
    this.#begun = this.#held || this.#closed ? new Uint8Array(whole) : this.#writer.begin(whole);
    return this.#begun;
  }

  /** Sends the payload of `begin`. With a `stream`, it stays open until the next message, `hold`, or a `commit` without one. */
  commit(stream = 0): void {
    this.#open = this.#held || this.#closed ? 0 : stream;
    if (this.#open > 0) return;
    try {
      this.#seal();
      if (this.counts.isUsedUp) this.#options.onUsedUp();
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  /** Seals the payload of `begin`, or queues it during a key exchange. */
  #seal(): void {
    this.#open = 0;
    const payload = this.#begun;
    this.#begun = NOTHING;
    if (this.#closed) return;
    if (this.#held) {
      this.#enqueue(payload, undefined);
      return;
    }
    // Copy for the trace, since sealing encrypts in place.
    const clear = this.#options.trace && payload.slice();
    this.#writer.commit();
    if (clear !== undefined) this.#tracePacket(clear);
  }

  /** Sends an answer that the peer can request at any rate. Drops it if too much output waits because the peer does not read. */
  answer(payload: Uint8Array): void {
    // rule: answer-room
    if (this.#writer.pending + this.#queuedCost + costOf(payload) > this.#options.maxQueuedBytes) return;
    if (DURING_REKEY[payload[0]!]) this.send(payload);
    else this.#put(payload);
  }

  /** Queues later messages, because our KEXINIT is about to be sent. */
  hold(): void {
    if (this.#open > 0) this.#seal();
    this.#held = true;
  }

  useSealer(sealer: PacketSealer, keys: NewKeys): void {
    this.#writer.useSealer(sealer, keys);
  }

  /** Sends the queued messages in order, because our NEWKEYS is sent. */
  release(): void {
    this.#held = false;
    const queue = this.#queue;
    this.#forget();
    for (const { payload, sent } of queue) this.send(payload, sent);
  }

  /** Frees buffers that hold no pending output. */
  releaseBuffers(): void {
    this.#writer.releaseBuffers();
  }

  /** Sends the last message. Never throws: the connection ends anyway, and its own error is the one to report. */
  finish(payload: Uint8Array): void {
    try {
      this.send(payload);
    } catch {
      // Sealing failed.
    }
    this.close();
  }

  /** Drops later messages, and those that wait for a key exchange to finish. Output for the socket can still be taken. */
  close(): void {
    this.#closed = true;
    this.#forget();
  }

  /** Sends a message, or queues a copy during a key exchange. Throws `rekey-flood` if the queue is full. */
  #put(payload: Uint8Array, sent?: SentMessage): void {
    if (this.#closed) return;
    if (this.#held) this.#enqueue(copyBytes(payload), sent);
    else this.send(payload, sent);
  }

  #forget(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#queuedCost = 0;
  }

  #enqueue(payload: Uint8Array, sent: SentMessage | undefined): void {
    const cost = costOf(payload);
    // rule: queued-bytes
    if (this.#queuedCost + cost > this.#options.maxQueuedBytes)
      throw new SshError(
        "rekey-flood",
        `more than ${this.#options.maxQueuedBytes} bytes are queued behind a key exchange that the peer does not complete (\`maxQueuedBytes\`)`,
      );
    this.#queue.push({ payload, sent });
    this.#queuedBytes += payload.length;
    this.#queuedCost += cost;
  }

  #tracePacket(payload: Uint8Array): void {
    const { sequenceNumber, lastPacketLength } = this.#writer.counts;
    this.#options.trace?.packet({ direction: "sent", sequenceNumber, wireLength: lastPacketLength, payload });
  }
}

function costOf(payload: Uint8Array): number {
  // rule: queued-packet-cost
  return Math.max(payload.length, LEAST_COST);
}
