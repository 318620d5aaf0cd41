import type { ConnectionOptions } from "@nacre/connection";
import type { Turn } from "@nacre/transport";
import type { Bytes } from "@nacre/wire";

/** Length field and padding length of a plain packet. */
const HEADER = 5;

const NO_OUTPUT: readonly Bytes[] = [];

/** Packets without padding and encryption (PROTOCOL.mux §9), as the sink of the connection protocol. */
export class PlainSink implements PacketSink {
  /** Never: there is no key exchange. */
  readonly held = false;
  readonly #turn: Turn;
  #output: Bytes[] = [];
  #pending = 0;
  #begun: Bytes = new Uint8Array(0);
  #isClosed = false;

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  get pending(): number {
    return this.#pending;
  }

  get turnOver(): boolean {
    return this.#turn.left < 0;
  }

  write(payload: Uint8Array): void {
    this.begin(payload.length, 0).set(payload);
    this.commit();
  }

  begin(header: number, length: number): Uint8Array {
    this.#turn.sent();
    const packet = new Uint8Array(HEADER + header + length);
    // The length field counts the padding length, which is 0. A master passes padding on to the server.
    new DataView(packet.buffer).setUint32(0, packet.length - 4);
    this.#begun = packet;
    return packet.subarray(HEADER);
  }

  commit(): void {
    if (this.#isClosed) return;
    this.#output.push(this.#begun);
    this.#pending += this.#begun.length;
  }

  /** Drops later packets. */
  close(): void {
    this.#isClosed = true;
  }

  /** Removes and returns the packets. The caller owns them. */
  takeOutput(): readonly Bytes[] {
    if (this.#output.length === 0) return NO_OUTPUT;
    const output = this.#output;
    this.#output = [];
    this.#pending = 0;
    return output;
  }
}

type PacketSink = ConnectionOptions["sink"];
