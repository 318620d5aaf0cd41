// Forwards of `nacre/extend`. An entry of its own, because a connection that forwards nothing need not load it.
export { bridge, bridgeDialled } from "./users/forward/bridge.ts";
export { type DialHandler, openDialled } from "./users/forward/dial.ts";
export { ProxyHandshake } from "./users/forward/proxy-handshake.ts";
export type { ProxyTarget } from "./users/forward/proxy-protocol.ts";
