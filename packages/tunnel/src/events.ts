import type { Bytes, SshError } from "@nacre/wire";

/** What happened in a tunnel. */
export type TunnelEvent =
  /** The gateway opened the tunnel (client only). */
  | { readonly type: "opened"; readonly address: string; readonly resumeTime: number }
  /** This WebSocket carries the tunnel now (client only). */
  | { readonly type: "attached" }
  /** Bytes from the peer, the receiver's to keep. Report them as `consumed` once they are handled. */
  | { readonly type: "data"; readonly data: Bytes }
  /** There is room again after a `write` that returned false. */
  | { readonly type: "writable" }
  /** The peer sends no more bytes. */
  | { readonly type: "end" }
  /** Both directions ended, and everything was acknowledged: the WebSocket can be closed. Last event. */
  | { readonly type: "finished" }
  /** The peer broke the protocol. Last event. */
  | { readonly type: "closed"; readonly error: SshError };
