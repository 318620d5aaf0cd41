import type { HostKey, HostKeyVerifier, SshError, ConnectOptions as StreamConnectOptions } from "nacre";
import type { KnownHostsStore } from "./known-hosts-store.ts";
import type { WebSocketConstructor, WebSocketLike } from "./web-socket.ts";

/** What happened to the WebSocket beneath a resumable connection. */
export type ConnectionChange =
  /** It was lost. For `resumeTime` milliseconds others are tried, and the SSH connection waits. */
  | { readonly type: "lost"; readonly error: SshError; readonly resumeTime: number }
  /** Another WebSocket carries the connection. No byte was lost. */
  | { readonly type: "restored" };

/** Where a WebSocket leads, and how long to try. */
export interface WebSocketDuplexOptions {
  /** URL of the gateway: `"wss://example.org/ssh"`. Either this or `socket` is required. */
  readonly url?: string | URL | undefined;
  /**
   * A WebSocket that is connecting or open, made with `WEB_SOCKET_SUBPROTOCOLS`. It belongs to the connection from then on. When it is lost,
   * the connection ends.
   */
  readonly socket?: WebSocketLike | undefined;
  /** Name or address of the SSH server. A Nacre gateway connects to it; another gateway has a destination of its own. */
  readonly host: string;
  /** Port of the SSH server; 22 by default. */
  readonly port?: number | undefined;
  /** One-time ticket of a Nacre gateway, a secret. Other gateways do not receive it. */
  readonly ticket?: string | undefined;
  /** Milliseconds until the gateway must have connected; 15,000 by default. What follows has bounds of its own: `limits` of `connect`. */
  readonly connectTimeout?: number | undefined;
  /**
   * Milliseconds without a message after which a resumable connection replaces its WebSocket; 0 for never. Default 80,000: more than the SSH
   * keepalive, whose answer shows that the WebSocket works.
   */
  readonly silenceTimeout?: number | undefined;
  /** Called when a resumable connection loses its WebSocket, and when it has another: for a page that shows "reconnecting". */
  readonly onConnectionChange?: ((change: ConnectionChange) => void) | undefined;
  /** Class of the WebSockets; `globalThis.WebSocket` by default. For Node 20, which has none. */
  readonly WebSocket?: WebSocketConstructor | undefined;
  /** Aborts connecting; has no effect afterwards. */
  readonly signal?: AbortSignal | undefined;
}

/** An unknown host key, for a person to compare. */
export interface UnknownHostKey extends HostKey {
  readonly host: string;
  readonly port: number;
  /** Picture of the fingerprint in 11 lines, as `ssh-keygen -lv` prints it. */
  readonly randomart: string;
}

/** Options of `connect`. */
export interface ConnectOptions extends WebSocketDuplexOptions, Omit<StreamConnectOptions, "hostKey" | "signal"> {
  /**
   * The host-key decision. By default `knownHosts` has it, and a host that is not there is refused (`host-key-unknown`). `"accept-new"` adds
   * such a host. A fingerprint, or several (`"SHA256:…"`), pin its key, and no known hosts are read. A function decides on its own.
   */
  readonly hostKey?: HostKeyVerifier | string | readonly string[] | undefined;
  /** With known hosts: asked about the key of a host that is not there, which true adds. */
  readonly unknownHost?: ((hostKey: UnknownHostKey) => boolean | Promise<boolean>) | undefined;
  /** Where known hosts are kept; `indexedDbKnownHosts()` by default. */
  readonly knownHosts?: KnownHostsStore | undefined;
  /** Called with what was skipped or could not be stored. One line, safe to show. */
  readonly warn?: ((text: string) => void) | undefined;
}
