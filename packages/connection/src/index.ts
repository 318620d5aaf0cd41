export type { ChannelFlow } from "./channel-state.ts";
export type { ConnectionOptions } from "./connection.ts";
export { Connection } from "./connection.ts";
export type { ChannelEvent, ConnectionEvent } from "./events.ts";
export { CONNECTION_LIMITS, type ConnectionLimits } from "./limits.ts";
export type { OpenRefusal } from "./peer-opens.ts";
