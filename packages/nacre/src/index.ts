export { escapeText, SshError } from "@nacre/wire";
export { pinnedHostKey } from "./login/client/host-keys.ts";
export { type PrivateKeyOptions, privateKey } from "./private-key.ts";
export type * from "./types.ts";
export { forwardedAgent } from "./users/agent/server.ts";
export { type Client, type ConnectOptions, connect, serve } from "./with-defaults.ts";
