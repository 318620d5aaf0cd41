import type { CloseReason } from "@nacre/tunnel";

/** Reason for refusing an HTTP request, before a WebSocket opens. */
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

/** Client of a connection. */
interface EventPeer {
  /** Number of the connection, from 1. */
  readonly connection: number;
  readonly remoteAddress: string;
  readonly origin: string | undefined;
}

/** Destination of a connection. */
interface EventTarget {
  readonly host: string;
  readonly port: number;
}

/** An event for the log. It contains no secret. Text from clients is not escaped: escape it before display, as `formatEvent` does. */
export type GatewayEvent =
  /** The gateway refused an HTTP request. */
  | {
      readonly type: "refused";
      readonly remoteAddress: string;
      readonly origin: string | undefined;
      readonly route: "websocket" | "ticket";
      readonly reason: RefusalReason;
      readonly detail: string;
    }
  /** A WebSocket closed before it carried a connection. */
  | (EventPeer & { readonly type: "rejected"; readonly reason: CloseReason | "lost"; readonly detail: string })
  /** The gateway connected to the destination. */
  | (EventPeer &
      EventTarget & {
        readonly type: "opened";
        /** IP address of the destination. */
        readonly address: string;
        readonly user: string | undefined;
        readonly plain: boolean;
      })
  /** The WebSocket was lost. The gateway keeps the connection until it is resumed or `resumeTime` ends. */
  | (EventPeer & { readonly type: "parked"; readonly bytes: number })
  /** A new WebSocket resumed the connection. `remoteAddress` is its client; other events name the one that opened the connection. */
  | (EventPeer & { readonly type: "resumed" })
  /** The connection ended. */
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
