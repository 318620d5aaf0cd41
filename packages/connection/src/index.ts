export type { ConnectionOptions } from "./connection.ts";
export { Connection } from "./connection.ts";
export type {
  ChannelEvent,
  ClientSessionEvent,
  ConnectionEvent,
  OutputStream,
  ReplyToken,
  ServerSessionEvent,
} from "./events.ts";
export { CONNECTION_LIMITS, type ConnectionLimits } from "./limits.ts";
export type { OpenRefusal } from "./peer-opens.ts";
export type { RequestReader, RequestReaderContext, RequestReaders } from "./request-reader.ts";
export { sessionRequests } from "./session-requests.ts";
export type { SignalName } from "./signals.ts";
export { SIGNAL_NAMES } from "./signals.ts";
export type { TerminalModes } from "./terminal-modes.ts";
export { decodeTerminalModes, encodeTerminalModes, TERMINAL_MODES } from "./terminal-modes.ts";
