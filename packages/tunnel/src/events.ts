import type { Bytes, SshError } from "@nacre/wire";

/** Event of a tunnel. */
export type TunnelEvent =
  /** The gateway opened the tunnel (client only). */
  | { readonly type: "opened"; readonly address: string; readonly resumeTime: number }
  /** The tunnel is attached to this WebSocket (client only). */
  | { readonly type: "attached" }
  /** Bytes from the peer, owned by the receiver. Pass their length to `consumed` after handling them. */
  | { readonly type: "data"; readonly data: Bytes }
  /** The tunnel has room again after a `write` that returned false. */
  | { readonly type: "writable" }
  /** The peer sends no more bytes. */
  | { readonly type: "end" }
  /** Both directions ended and all bytes were acknowledged. The WebSocket can be closed. Last event. */
  | { readonly type: "finished" }
  /** The peer violated the protocol. Last event. */
  | { readonly type: "closed"; readonly error: SshError };
