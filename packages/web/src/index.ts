export { type BunSocket, type BunSocketData, type BunSocketHandlers, bunSocketHandlers } from "./bun.ts";
export { type Client, connect } from "./connect.ts";
export { forgetHost, type IndexedDbOptions, indexedDbKnownHosts, type KnownHostsStore } from "./known-hosts-store.ts";
export type { ConnectionChange, ConnectOptions, UnknownHostKey, WebSocketDuplexOptions } from "./options.ts";
export { WEB_SOCKET_SUBPROTOCOLS, type WebSocketConstructor, type WebSocketLike } from "./web-socket.ts";
export { webSocketDuplex } from "./web-socket-duplex.ts";
