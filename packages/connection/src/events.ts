import type {
  AskToken,
  BreakRequest,
  Bytes,
  EnvRequest,
  ExecRequest,
  PtyRequest,
  SignalRequest,
  SshError,
  SubsystemRequest,
  WindowChange,
  X11Request,
} from "@nacre/wire";
import type { TerminalModes } from "./terminal-modes.ts";

/**
 * Stream that data belongs to. "stdout" is plain channel data in either direction, including a server's standard input. "stderr" is
 * extended data of type 1 (RFC 4254 §5.2).
 */
export type OutputStream = "stdout" | "stderr";

interface OnChannel {
  /** Our number for the channel. */
  readonly channel: number;
}

interface Asked extends OnChannel {
  /** Present if the peer wants a reply; pass it to `answerRequest`. */
  readonly token?: AskToken | undefined;
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
  /** Data from the peer, a view of the received payload. The bytes count against the window until passed to `consumed`. */
  | ({ readonly type: "data"; readonly stream: OutputStream; readonly data: Bytes } & OnChannel)
  /** More can be written after a partial `write`. Emitted once per partial write. */
  | ({ readonly type: "writable" } & OnChannel)
  /** The peer sends no more data. */
  | ({ readonly type: "eof" } & OnChannel)
  /** Last event of a channel. Its number can then be reused. */
  | ({ readonly type: "channel-closed" } & OnChannel)
  /** Reply to a request of ours. `success` is also false if the channel closed before a reply arrived. */
  | ({ readonly type: "request-reply"; readonly request: number; readonly success: boolean } & OnChannel)
  /** A request without a decoder for its type. */
  | ({ readonly type: "channel-request"; readonly requestType: string; readonly data: Uint8Array } & Asked);

/** Reports of a server on a session channel, received only by clients (RFC 4254 §6.8, §6.10). */
export type SessionReport =
  /** Exit status of the command, 0 to 2^32 − 1. Only the first `exit-status` or `exit-signal` of a channel becomes an event. */
  | ({ readonly type: "exit-status"; readonly status: number } & OnChannel)
  /**
   * The command was ended by a signal. `signalName` has no "SIG" prefix. `errorMessage` is raw text from the peer: escape it before
   * display.
   */
  | ({
      readonly type: "exit-signal";
      readonly signalName: string;
      readonly coreDumped: boolean;
      readonly errorMessage: string;
    } & OnChannel)
  /** Whether the client may handle control-S and control-Q locally ("xon-xoff"). */
  | ({ readonly type: "flow-control"; readonly clientCanDo: boolean } & OnChannel);

/** Requests of a client on a session channel, received only by servers (RFC 4254 §6.2–6.9, RFC 4335). */
export type SessionRequest =
  | ({ readonly type: "pty-req"; readonly modes: TerminalModes } & Omit<PtyRequest, "modes"> & Asked)
  | ({ readonly type: "x11-req" } & X11Request & Asked)
  | ({ readonly type: "env" } & EnvRequest & Asked)
  | ({ readonly type: "shell" } & Asked)
  | ({ readonly type: "exec" } & ExecRequest & Asked)
  | ({ readonly type: "subsystem" } & SubsystemRequest & Asked)
  | ({ readonly type: "window-change" } & WindowChange & Asked)
  | ({ readonly type: "signal" } & SignalRequest & Asked)
  | ({ readonly type: "break" } & BreakRequest & Asked);

/** An event of `Connection`. */
export type ConnectionEvent =
  | ChannelEvent
  | SessionReport
  | SessionRequest
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
