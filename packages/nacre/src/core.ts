export { type InteractiveMethods, interactiveMethods } from "@nacre/auth";
export * from "./common.ts";
export { encodeTerminalModes } from "./session/terminal-modes.ts";
export { describedTrace } from "./watchers.ts";
export { connect, connectDuplex, serve } from "./with-algorithms.ts";
