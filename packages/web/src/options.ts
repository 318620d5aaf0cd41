import { checkLimit, SshError } from "@nacre/wire";
import { defaultAlgorithms } from "nacre/defaults";
import {
  type HostCertificates as CertificateJudge,
  type CryptoProvider,
  hostCertificates as certificateJudge,
  checkForwardPort,
  checkSignal,
  type HostKeyOption,
  type LoginIdentity,
  type OptionRows,
  type PresentedHostKey,
  CONNECT_OPTIONS as STREAM_CONNECT_OPTIONS,
  type ConnectOptions as StreamConnectOptions,
  type WithKeys,
} from "nacre/extend";
import type { KnownHostsStore } from "./known-hosts-store.ts";
import type { WebSocketConstructor, WebSocketLike } from "./web-socket.ts";

/** Change of the WebSocket below a resumable connection. */
export type ConnectionChange =
  /** The WebSocket was lost. The SSH connection waits while new WebSockets are tried for `resumeTime` milliseconds. */
  | { readonly type: "lost"; readonly error: SshError; readonly resumeTime: number }
  /** Another WebSocket carries the connection. No byte was lost. */
  | { readonly type: "restored" };

/** Options of `webSocketDuplex`: the gateway, the destination and the timeouts. */
export interface WebSocketDuplexOptions {
  /** URL of the gateway, such as `"wss://example.org/ssh"`. Set either `url` or `socket`. */
  readonly url?: string | URL | undefined;
  /**
   * A WebSocket that is connecting or open, made with `WEB_SOCKET_SUBPROTOCOLS`. The connection then owns it, and ends when the WebSocket
   * is lost.
   */
  readonly socket?: WebSocketLike | undefined;
  /** Name or address of the SSH server. A Nacre gateway connects to it; other gateways have a configured destination. */
  readonly host: string;
  /** Port of the SSH server; default 22. */
  readonly port?: number | undefined;
  /** One-time ticket for a Nacre gateway, a secret. Not sent to other gateways. */
  readonly ticket?: string | undefined;
  /** Time in milliseconds for the gateway to connect; default 15,000. Later steps are bounded by `limits` of `connect`. */
  readonly connectTimeout?: number | undefined;
  /**
   * Time in milliseconds without a message after which a resumable connection replaces its WebSocket; 0 disables it. Default 80,000, which
   * exceeds the SSH keepalive interval plus the time for its answer. A hidden page waits for a minute more, because browsers delay its
   * timers.
   */
  readonly silenceTimeout?: number | undefined;
  /** Called when a resumable connection loses its WebSocket, and when another one replaces it. A page can use it to show "reconnecting". */
  readonly onConnectionChange?: ((change: ConnectionChange) => void) | undefined;
  /** WebSocket class; default `globalThis.WebSocket`. Required in Node 20, which lacks one. */
  readonly WebSocket?: WebSocketConstructor | undefined;
  /** Aborts connecting; has no effect afterwards. */
  readonly signal?: AbortSignal | undefined;
}

/** Maximum delay of a timer in milliseconds, about 24 days. */
const LONGEST_TIMER = 0x7fff_ffff;

export const DUPLEX_OPTIONS: OptionRows<WebSocketDuplexOptions> = {
  url: true,
  socket: {
    check(socket) {
      if (socket !== undefined && typeof socket?.addEventListener !== "function")
        throw new SshError("usage", "socket must be a WebSocket");
    },
  },
  host: {
    check(host) {
      if (typeof host !== "string" || host === "" || host.includes("\0"))
        throw new SshError("usage", "host must be the name or address of the SSH server");
    },
  },
  port: { check: (port = 22) => checkForwardPort(port, 1) },
  ticket: true,
  connectTimeout: {
    check: (time = 1) => checkLimit("connectTimeout", time, { least: 1, most: LONGEST_TIMER, unit: "milliseconds" }),
  },
  silenceTimeout: {
    check: (time = 0) => checkLimit("silenceTimeout", time, { least: 0, most: LONGEST_TIMER, unit: "milliseconds" }),
  },
  onConnectionChange: true,
  WebSocket: true,
  signal: { check: checkSignal },
};

/** An unknown host key, for the user to compare. */
export interface UnknownHostKey extends PresentedHostKey {
  /** Randomart of the fingerprint in 11 lines, as `ssh-keygen -lv` prints it. */
  readonly randomart: string;
}

/** Judges certificates of hosts, and has the algorithms that a client offers to get them. */
export interface HostCertificates extends CertificateJudge {
  readonly algorithms: CryptoProvider["algorithms"];
}

/** Accepts certificates of hosts by `@cert-authority` lines of known hosts. A bundle carries their code only if it names this value. */
export const hostCertificates: HostCertificates = /* @__PURE__ */ Object.assign(
  { algorithms: defaultAlgorithms },
  certificateJudge,
);

/** Options of `connect`. */
export interface ConnectOptions
  extends WebSocketDuplexOptions,
    Omit<StreamConnectOptions, "hostKey" | "identities" | "signal"> {
  /** Keys to log in with, tried in this order. `{ certificate, key }` presents a certificate in the place of its key. */
  readonly identities?: readonly LoginIdentity[] | undefined;
  /**
   * Host-key verification. By default `knownHosts` decides, and an unknown host is rejected with `host-key-unknown`. `"accept-new"` accepts
   * and stores unknown hosts. One or more fingerprints (`"SHA256:…"`) pin the key, and a function decides alone; neither reads known hosts.
   */
  readonly hostKey?: HostKeyOption;
  /** Called with the key of a host that is not in `knownHosts`. Return true to accept and store it. */
  readonly unknownHost?: ((hostKey: UnknownHostKey) => boolean | Promise<boolean>) | undefined;
  /** Store of known hosts; default `indexedDbKnownHosts()`. */
  readonly knownHosts?: KnownHostsStore | undefined;
  /**
   * Judges certificates by `@cert-authority` lines of `knownHosts`: pass the export `hostCertificates`. Without it, certificates are
   * neither offered nor judged: hosts are known by their plain keys.
   */
  readonly hostCertificates?: HostCertificates | undefined;
  /** Called with one printable line for each skipped entry and each failed update. */
  readonly warn?: ((text: string) => void) | undefined;
}

export const CONNECT_OPTIONS: OptionRows<WithKeys<ConnectOptions>> = /* @__PURE__ */ Object.assign(
  {},
  STREAM_CONNECT_OPTIONS,
  DUPLEX_OPTIONS,
  { hostKey: true, unknownHost: true, knownHosts: true, hostCertificates: "object", warn: true } as const,
);
