// Forwards of `nacre/extend`. An entry of its own, because a connection that forwards nothing need not load it.
export { bridge, bridgeDialled } from "./forward/bridge.ts";
export { type DialHandler, openDialled } from "./forward/dial.ts";
export { ProxyHandshake } from "./forward/proxy-handshake.ts";
export type { ProxyTarget } from "./forward/proxy-protocol.ts";
