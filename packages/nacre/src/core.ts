export { type InteractiveMethods, interactiveMethods } from "@nacre/auth";
export * from "./common.ts";
export type { ConnectOptions } from "./login/client/options.ts";
export { forwardedAgent } from "./users/agent/server.ts";
export { encodeTerminalModes } from "./users/session/terminal-modes.ts";
export { describedTrace } from "./watchers.ts";
export { connect, connectDuplex, serve } from "./with-algorithms.ts";
