import type { Channel as MuxChannel } from "nacre/extend";

/** Receive window in bytes, and high-water mark of the writable side. */
export const MAX_WINDOW: number = 2 * 1024 * 1024;

/** Maximum packet size in bytes that we announce. */
export const PACKET_SIZE: number = 32 * 1024;

/** Half of the window. */
export const WINDOW_THRESHOLD: number = MAX_WINDOW / 2;

/** States of one direction of a channel, in ssh2's words. */
export type DirectionState = "open" | "eof" | "closing" | "closed";

/** One direction of a channel, as ssh2 shows it in `incoming` and `outgoing`. */
export class Direction {
  /** Number of the channel: ours in `incoming`, the peer's in `outgoing`. */
  readonly id: number;
  /** Maximum data of one message in bytes. */
  readonly packetSize: number;
  state: DirectionState = "open";
  readonly #window: () => number;

  constructor(id: number, packetSize: number, window: () => number) {
    this.id = id;
    this.packetSize = packetSize;
    this.#window = window;
  }

  /** Bytes that may still be sent in this direction. */
  get window(): number {
    return this.#window();
  }
}

/** Both directions of a channel. */
export function directionsOf(channel: MuxChannel): { readonly incoming: Direction; readonly outgoing: Direction } {
  const { peer = 0, maxSend = 0 } = channel.flow ?? {};
  return {
    incoming: new Direction(channel.id, PACKET_SIZE, () => channel.flow?.receiveWindow ?? 0),
    outgoing: new Direction(peer, maxSend, () => channel.flow?.sendWindow ?? 0),
  };
}
