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
 * What data belongs to: "stdout" is plain channel data of whichever side, a server's standard input included; "stderr" is
 * extended data of type 1 (RFC 4254 §5.2).
 */
export type OutputStream = "stdout" | "stderr";

interface OnChannel {
  /** Our number of the channel. */
  readonly channel: number;
}

interface Asked extends OnChannel {
  /** Present when the peer wants a reply: hand it to `answerRequest`. */
  readonly token?: AskToken | undefined;
}

/** What happened on a channel that either side may have opened. */
export type ChannelEvent =
  /** The peer has confirmed a channel that we opened. */
  | ({ readonly type: "channel-opened" } & OnChannel)
  /** The peer has refused it (`CHANNEL_OPEN_FAILURE_REASON`). The description is the peer's text as it came: escape it. */
  | ({ readonly type: "channel-open-failed"; readonly reasonCode: number; readonly description: string } & OnChannel)
  /** Bytes, as a view of the received payload. They count against the window until they are passed to `consumed`. */
  | ({ readonly type: "data"; readonly stream: OutputStream; readonly data: Bytes } & OnChannel)
  /** A `write` took less than all of its bytes, and would take more now. Comes once for each such write. */
  | ({ readonly type: "writable" } & OnChannel)
  /** The peer sends no more data. */
  | ({ readonly type: "eof" } & OnChannel)
  /** The last event of a channel. From now on its number may be given to another one. */
  | ({ readonly type: "channel-closed" } & OnChannel)
  /** The answer to a request of ours; `success` is also false when the channel closed without an answer. */
  | ({ readonly type: "request-reply"; readonly request: number; readonly success: boolean } & OnChannel)
  /** A request that Nacre has no name for. */
  | ({ readonly type: "channel-request"; readonly requestType: string; readonly data: Uint8Array } & Asked);

/** What a server says on a session (RFC 4254 §6.8, §6.10): to a client only. */
export type SessionReport =
  /** The command's exit status, 0…2^32 − 1. Only the first report of a channel, this or `exit-signal`, is an event. */
  | ({ readonly type: "exit-status"; readonly status: number } & OnChannel)
  /** The command was killed. `signalName` is without "SIG"; `errorMessage` is the peer's text as it came: escape it. */
  | ({
      readonly type: "exit-signal";
      readonly signalName: string;
      readonly coreDumped: boolean;
      readonly errorMessage: string;
    } & OnChannel)
  /** Whether the terminal may handle control-S and control-Q by itself ("xon-xoff"). */
  | ({ readonly type: "flow-control"; readonly clientCanDo: boolean } & OnChannel);

/** What a client asks for on a session (RFC 4254 §6.2–6.9, RFC 4335): to a server only. */
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

/** What happened. */
export type ConnectionEvent =
  | ChannelEvent
  | SessionReport
  | SessionRequest
  /** The peer wants to open a channel of a type that is allowed: `answerOpen` decides. */
  | {
      readonly type: "open-request";
      readonly token: AskToken;
      readonly channelType: string;
      readonly data: Uint8Array;
    }
  /** The peer wanted to open a channel of a type that is not allowed, or one too many, and was refused. */
  | { readonly type: "open-refused"; readonly channelType: string }
  /** A global request of the peer; with a token it must be answered (`answerGlobal`). */
  | {
      readonly type: "global-request";
      readonly requestName: string;
      readonly data: Uint8Array;
      readonly token?: AskToken | undefined;
    }
  /** The answer to a global request of ours. */
  | {
      readonly type: "global-reply";
      readonly request: number;
      readonly success: boolean;
      readonly data: Uint8Array;
    }
  /** The peer broke the protocol: nothing follows, and the connection is to be ended with this error. */
  | { readonly type: "closed"; readonly error: SshError };
