// The parts of `nacre/extend` that a client loads only when it serves, forwards, reconnects or uses a master of OpenSSH. Bundlers place the
// code of an entry as a whole, so these have an entry of their own.

export { serverMethods } from "./login/methods/list.ts";
export { SERVER_LIMITS } from "./login/server/limits.ts";
export { checkServeOptions, serveDuplex, serverMux } from "./login/server/server.ts";
export { lossOf } from "./reconnect/lost.ts";
export { type ConnectAgain, reconnecting } from "./reconnect/reconnecting.ts";
export type { MasterAnswer, MasterForward, MasterPlace, MasterRequest } from "./shared/control-messages.ts";
export { type Master, openMaster } from "./shared/master.ts";
export { isReconnecting } from "./users/client/client.ts";
export { bridge, bridgeDialled } from "./users/forward/bridge.ts";
export { type DialHandler, openDialled } from "./users/forward/dial.ts";
export { ProxyHandshake } from "./users/forward/proxy-handshake.ts";
export type { ProxyTarget } from "./users/forward/proxy-protocol.ts";
export { SOCKS5_ADDRESS_TYPE, socks5AddressLength } from "./users/forward/socks5.ts";
