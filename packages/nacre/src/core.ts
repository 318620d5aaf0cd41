export { type InteractiveMethods, interactiveMethods } from "@nacre/auth";
export { encodeTerminalModes } from "@nacre/connection";
export * from "./common.ts";
export type { ConnectOptions } from "./login/client/options.ts";
export { forwardedAgent } from "./users/agent/server.ts";
export { describedTrace } from "./watchers.ts";
export { connect, connectDuplex, serve } from "./with-algorithms.ts";
