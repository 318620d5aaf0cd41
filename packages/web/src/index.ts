// The first import decides the order of a bundle. With the ciphers before the keys, code that noble's packages repeat is within the 32 KiB
// that gzip looks back: a small client has 64.3 KiB instead of 64.7.
import "nacre/defaults";

export { type BunSocket, type BunSocketData, type BunSocketHandlers, bunSocketHandlers } from "./bun.ts";
export { type Client, connect } from "./connect.ts";
export { forgetHost, type IndexedDbOptions, indexedDbKnownHosts, type KnownHostsStore } from "./known-hosts-store.ts";
export {
  type ConnectionChange,
  type ConnectOptions,
  type HostCertificates,
  hostCertificates,
  type UnknownHostKey,
  type WebSocketDuplexOptions,
} from "./options.ts";
export { WEB_SOCKET_SUBPROTOCOLS, type WebSocketConstructor, type WebSocketLike } from "./web-socket.ts";
export { webSocketDuplex } from "./web-socket-duplex.ts";
