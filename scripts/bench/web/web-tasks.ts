/** Tasks of the `web` case: for the gateway's process, for a page, and for the same program in Node. */
import type { Address } from "../tunnel/tunnel-tasks.ts";

/** Task for a gateway: listen, and serve the page. */
export interface GatewayTask {
  readonly kind: "gateway";
  /** The SSH server, the destination of tunnels. */
  readonly ssh: Address;
  /** The plain TCP server, the destination of plain WebSockets. */
  readonly plain: Address;
  /** File with the page's script. */
  readonly script: string;
}

export interface GatewayResult {
  readonly port: number;
}

/** Task for a gateway: prepare for the next transfer. */
export interface AdmitTask {
  readonly kind: "admit";
  /** Numbers of bytes sent to the client after which the gateway destroys the client's socket. */
  readonly cuts: readonly number[];
}

export interface AdmitResult {
  /** One-time ticket for a tunnel to the SSH server. */
  readonly ticket: string;
}

/** Task for a gateway: wait for the end of the last connection and report it. */
export interface RelayedTask {
  readonly kind: "relayed";
}

export interface RelayedResult {
  /** Number of bytes read from the destination, each counted once. */
  readonly bytesDown: number;
  /** Number of bytes received from the client, each counted once. */
  readonly bytesUp: number;
  /** Number of WebSockets attached after the first one. */
  readonly resumed: number;
}

/** Task for a page or Node: transfer data over SSH, or over a bare WebSocket. */
export interface WebTransferTask {
  readonly kind: "web-transfer";
  /** `nacre` speaks SSH over the tunnel; `raw` is a bare WebSocket to the plain TCP server. */
  readonly peer: "nacre" | "raw";
  readonly direction: "download" | "upload";
  readonly bytes: number;
  /** Whether to hash the received bytes and count WebSocket messages. This costs time. */
  readonly observe: boolean;
  /** Size in bytes of the messages that a bare WebSocket sends. */
  readonly messageLength: number;
  /** URL of the gateway's WebSocket. */
  readonly url: string;
  /** Origin of the page, for WebSocket clients that are not browsers. */
  readonly origin: string;
  readonly ticket: string;
  readonly ssh: Address;
  readonly user: string;
  readonly privateKey: string;
  readonly hostKeyFingerprint: string;
}

export interface WebTransferResult {
  readonly seconds: number;
  /** Number of bytes counted by the receiving end; `undefined` if it hashed them. */
  readonly bytes: number | undefined;
  /** SHA-256 of the received data in hex; `undefined` if it was counted. */
  readonly sha256: string | undefined;
  /** CPU time of the process in seconds; `undefined` in a page, which cannot measure it. */
  readonly cpuSeconds: number | undefined;
  /** Counts of an observed transfer. */
  readonly counts: WebCounts;
  /** Number of WebSockets that replaced a lost one. */
  readonly restored: number;
  /** Time without a WebSocket in seconds. */
  readonly secondsLost: number;
}

/** Messages on the WebSockets of a transfer, and bytes of the SSH connection. All 0 unless the transfer is observed. */
export interface WebCounts {
  messagesIn: number;
  bytesIn: number;
  messagesOut: number;
  bytesOut: number;
  /** Number of bytes that the tunnel delivered to the SSH client. */
  sshBytesIn: number;
  /** Number of bytes that the SSH client wrote to the tunnel. */
  sshBytesOut: number;
}
