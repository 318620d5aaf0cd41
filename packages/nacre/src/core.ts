export * from "./common.ts";
export { clientKeyboardInteractive, serverKeyboardInteractive } from "./methods/keyboard-interactive.ts";
export { clientNone } from "./methods/list.ts";
export { clientPassword, serverPassword } from "./methods/password.ts";
export { clientPublickey, serverPublickey } from "./methods/publickey.ts";
export { encodeTerminalModes } from "./session/terminal-modes.ts";
export { describedTrace } from "./watchers.ts";
export { connect, connectDuplex, serve } from "./with-algorithms.ts";
