export { escapeText, SshError } from "@nacre/wire";
export { pinnedHostKey } from "./login/client/host-keys.ts";
export { type PrivateKeyOptions, privateKey } from "./private-key.ts";
export type * from "./types.ts";
export { forwardedAgent } from "./users/agent/server.ts";
export { Session } from "./users/session/session.ts";
export { type ConnectOptions, connect, connectDuplex, serve, serveDuplex } from "./with-defaults.ts";
