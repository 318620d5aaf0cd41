import type { SentMessage } from "@nacre/packet";
import type { OutputStream } from "./events.ts";
import type { PendingRequest } from "./pending-request.ts";
import type { ReceiveWindow } from "./receive-window.ts";
import type { ReplyQueue } from "./replies.ts";
import type { RequestReader } from "./request-reader.ts";

/** Data from us. `window`: what the peer takes now; `maximum`: in one message; both in bytes. */
export type SendDirection =
  | {
      readonly kind: "flowing";
      window: number;
      readonly maximum: number;
      /** Whether a `write` took less than all, and whether "writable" has answered it. */
      short: "no" | "yes" | "told";
    }
  | { readonly kind: "ended" };

/** Data from the peer. */
export type ReceiveDirection =
  | { readonly kind: "flowing"; readonly window: ReceiveWindow }
  | { readonly kind: "ended" };

/** Each direction ends for itself (RFC 4254 §5.3), so that half-closed is an open channel with one direction ended. */
export interface OpenState {
  readonly kind: "open";
  /** The peer's number of the channel. */
  readonly peer: number;
  outgoing: SendDirection;
  incoming: ReceiveDirection;
  /** Streams whose bytes are consumed as they come. */
  readonly discarded: OutputStream[];
  /** Our requests that await their reply, first one first. */
  readonly requests: PendingRequest[];
  /** The peer's requests that await our reply. */
  readonly replies: ReplyQueue<boolean>;
  /** Reads the peer's requests, if the channel's type gives them a meaning. */
  readonly reader: RequestReader | undefined;
}

/** Our CLOSE has left, the peer's has not come: what still comes is checked and absorbed. */
export interface ClosingState {
  readonly kind: "closing";
  incoming: ReceiveDirection;
  /** As in the open state: their replies may still come. */
  readonly requests: PendingRequest[];
}

/** How far a channel has come. */
export type ChannelState =
  /** Our CHANNEL_OPEN awaits its answer. */
  | { readonly kind: "opening"; readonly sent: SentMessage }
  /** The same, but nobody wants the channel any more. */
  | { readonly kind: "abandoned"; readonly sent: SentMessage }
  | OpenState
  | ClosingState
  /** CLOSE went both ways, or the open was refused; the number is free once the application has received the event. */
  | { readonly kind: "closed" };
