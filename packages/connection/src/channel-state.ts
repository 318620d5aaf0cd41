import type { SentMessage } from "@nacre/packet";
import type { PendingRequest } from "./pending-request.ts";
import type { ReceiveWindow } from "./receive-window.ts";
import { ReplyQueue } from "./replies.ts";

/** Data to the peer. `window` is the peer's remaining window, `maximum` its maximum packet size, both in bytes. */
export type SendDirection =
  | {
      readonly kind: "flowing";
      window: number;
      readonly maximum: number;
      /** "yes": the last `write` was partial; "told": its "writable" event was emitted. */
      short: "no" | "yes" | "told";
    }
  | { readonly kind: "ended" };

/** Data from the peer. */
export type ReceiveDirection =
  | { readonly kind: "flowing"; readonly window: ReceiveWindow }
  | { readonly kind: "ended" };

/** Each direction ends separately (RFC 4254 §5.3). A half-closed channel is open with one direction ended. */
export interface OpenState {
  readonly kind: "open";
  /** The peer's number for the channel. */
  readonly peer: number;
  outgoing: SendDirection;
  incoming: ReceiveDirection;
  /** Numbers of streams that are discarded: their bytes count as consumed on arrival. */
  readonly discarded: number[];
  /** Our requests without a reply yet, oldest first. */
  readonly requests: PendingRequest[];
  /** The peer's requests without our reply yet. */
  readonly replies: ReplyQueue<boolean>;
}

/** We sent SSH_MSG_CHANNEL_CLOSE, the peer has not. Its remaining messages are checked, then dropped unless `receiving`. */
export interface ClosingState {
  readonly kind: "closing";
  readonly receiving: boolean;
  incoming: ReceiveDirection;
  readonly discarded: readonly number[];
  /** Our requests without a reply yet. Replies may still arrive. */
  readonly requests: PendingRequest[];
}

/** Numbers of an open channel, for display. Sizes are in bytes. */
export interface ChannelFlow {
  /** The peer's number for the channel. */
  readonly peer: number;
  /** Bytes that we may still send; 0 after our EOF. */
  readonly sendWindow: number;
  /** Maximum data in one of our messages; 0 after our EOF. */
  readonly maxSend: number;
  /** Bytes that the peer may still send; 0 after its EOF. */
  readonly receiveWindow: number;
}

/** Lifecycle of a channel. */
export type ChannelState =
  /** Our SSH_MSG_CHANNEL_OPEN awaits its answer. */
  | { readonly kind: "opening"; readonly sent: SentMessage }
  /** Closed by the application before the peer answered the open. */
  | { readonly kind: "abandoned"; readonly sent: SentMessage }
  | OpenState
  | ClosingState
  /** Both sides sent SSH_MSG_CHANNEL_CLOSE, or the open was refused. The number becomes free when the application receives the event. */
  | { readonly kind: "closed" };

/** Returns the state of a channel that has just been confirmed. */
export function openState(peer: number, outgoing: SendDirection, window: ReceiveWindow): OpenState {
  const incoming: ReceiveDirection = { kind: "flowing", window };
  return { kind: "open", peer, outgoing, incoming, discarded: [], requests: [], replies: new ReplyQueue() };
}

/** Returns whether the peer's data and requests are dropped. */
export function dropsInput(state: OpenState | ClosingState): boolean {
  return state.kind === "closing" && !state.receiving;
}

/** Returns the numbers of an open channel; `undefined` in every other state. */
export function flowOf(state: ChannelState): ChannelFlow | undefined {
  if (state.kind !== "open") return undefined;
  const { peer, outgoing, incoming } = state;
  const { window: sendWindow, maximum: maxSend } = outgoing.kind === "flowing" ? outgoing : { window: 0, maximum: 0 };
  return { peer, sendWindow, maxSend, receiveWindow: incoming.kind === "flowing" ? incoming.window.left : 0 };
}
