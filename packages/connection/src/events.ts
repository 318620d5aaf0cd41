import type { AskToken, Bytes, SshError } from "@nacre/wire";

interface OnChannel {
  /** Our number for the channel. */
  readonly channel: number;
}

/** Events of a channel opened by either side. */
export type ChannelEvent =
  /** The peer confirmed a channel that we opened. */
  | ({ readonly type: "channel-opened" } & OnChannel)
  /**
   * The peer refused a channel that we opened; see `CHANNEL_OPEN_FAILURE_REASON`. `description` is raw text from the peer: escape it before
   * display.
   */
  | ({ readonly type: "channel-open-failed"; readonly reasonCode: number; readonly description: string } & OnChannel)
  /**
   * Data from the peer, a view of the received payload. The bytes count against the window until passed to `consumed`. `stream` is 0 for
   * channel data, and the type of extended data: 1, the only type of RFC 4254 §5.2.
   */
  | ({ readonly type: "data"; readonly stream: number; readonly data: Bytes } & OnChannel)
  /** More can be written after a partial `write`. Emitted once per partial write. */
  | ({ readonly type: "writable" } & OnChannel)
  /** The peer sends no more data. */
  | ({ readonly type: "eof" } & OnChannel)
  /** Last event of a channel. Its number can then be reused. */
  | ({ readonly type: "channel-closed" } & OnChannel)
  /** Reply to a request of ours. `success` is also false if the channel closed before a reply arrived. */
  | ({ readonly type: "request-reply"; readonly request: number; readonly success: boolean } & OnChannel)
  /** A request of the peer. If it wants a reply, it has a token: pass it to `answerRequest`. */
  | ({
      readonly type: "channel-request";
      readonly requestType: string;
      readonly data: Uint8Array;
      readonly token?: AskToken | undefined;
    } & OnChannel);

/** An event of `Connection`. */
export type ConnectionEvent =
  | ChannelEvent
  /** The peer wants to open a channel of an allowed type. Answer with `answerOpen`. */
  | {
      readonly type: "open-request";
      readonly token: AskToken;
      readonly channelType: string;
      readonly data: Uint8Array;
    }
  /** An open of the peer was refused because its type is not allowed or a limit was reached. */
  | { readonly type: "open-refused"; readonly channelType: string }
  /** A global request of the peer. If it has a token, answer it with `answerGlobal`. */
  | {
      readonly type: "global-request";
      readonly requestName: string;
      readonly data: Uint8Array;
      readonly token?: AskToken | undefined;
    }
  /** Reply to a global request of ours. */
  | {
      readonly type: "global-reply";
      readonly request: number;
      readonly success: boolean;
      readonly data: Uint8Array;
    }
  /** The peer broke the protocol. Last event; disconnect with this error. */
  | { readonly type: "closed"; readonly error: SshError };
