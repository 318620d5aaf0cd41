export * from "./common.ts";
export { type PrivateKeyOptions, privateKey } from "./private-key.ts";
export { forwardedAgent } from "./users/agent/server.ts";
export { type ConnectOptions, connect, connectDuplex, serve, serveDuplex } from "./with-defaults.ts";
