import type { CloseReason } from "@nacre/tunnel";

/** Why a request was refused before there was a WebSocket. */
export type RefusalReason =
  | "method"
  | "host"
  | "origin"
  | "insecure"
  | "subprotocol"
  | "rate"
  | "too-many"
  | "shutdown"
  | "session"
  | "csrf"
  | "body"
  | "destination"
  | "unauthorized"
  | "store";

/** Where a connection comes from. */
interface EventPeer {
  /** Connections are counted from 1. */
  readonly connection: number;
  readonly remoteAddress: string;
  readonly origin: string | undefined;
}

/** Where a connection goes. */
interface EventTarget {
  readonly host: string;
  readonly port: number;
}

/** What happened, for a log. Texts of clients are raw: escape them before showing them, as `formatEvent` does. No event has a secret. */
export type GatewayEvent =
  /** An HTTP request was refused. */
  | {
      readonly type: "refused";
      readonly remoteAddress: string;
      readonly origin: string | undefined;
      readonly route: "websocket" | "ticket";
      readonly reason: RefusalReason;
      readonly detail: string;
    }
  /** A WebSocket was closed before it carried a connection. */
  | (EventPeer & { readonly type: "rejected"; readonly reason: CloseReason | "lost"; readonly detail: string })
  /** The destination is connected. */
  | (EventPeer &
      EventTarget & {
        readonly type: "opened";
        /** The address that was dialled. */
        readonly address: string;
        readonly user: string | undefined;
        readonly plain: boolean;
      })
  /** The WebSocket was lost, and the connection is kept. */
  | (EventPeer & { readonly type: "parked"; readonly bytes: number })
  /** Another WebSocket carries the connection. */
  | (EventPeer & { readonly type: "resumed" })
  /** The connection has ended. */
  | (EventPeer &
      EventTarget & {
        readonly type: "closed";
        readonly user: string | undefined;
        readonly reason: CloseReason | "client-closed" | "resume-timeout" | "parked-limit";
        readonly detail: string;
        readonly bytesUp: number;
        readonly bytesDown: number;
        readonly milliseconds: number;
        readonly resumed: number;
      });
