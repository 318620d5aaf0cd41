/** Tasks of the `tunnel` case for child processes. */
import type { Suite, Target } from "../tasks.ts";

/** A TCP address. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Route of a connection to the plain TCP server. */
export interface Route {
  /** Address to connect to. */
  readonly at: Address;
  /** The server, if `at` is a SOCKS 5 proxy; `undefined` if `at` is the server itself or a tunnel to it. */
  readonly socksTo?: Address | undefined;
}

/** Form of a tunnel: `local` leads to one target, `dynamic` is a SOCKS 5 proxy. */
export type TunnelForm = "local" | "dynamic";

/** Task for a client: listen, and forward until the process ends. */
export interface ForwardTask {
  readonly kind: "forward";
  readonly target: Target;
  /** Cipher and MAC; `undefined` for the client's defaults. */
  readonly suite: Suite | undefined;
  readonly form: TunnelForm;
  /** Target of a local forward. */
  readonly to: Address;
}

/** Address at which the tunnel listens. */
export type ForwardResult = Address;

/** Task: start a plain TCP server, see `plain-server.ts`. */
export interface ServePlainTask {
  readonly kind: "serve-plain";
  readonly host: string;
}

export type ServePlainResult = Address;

/** Task: transfer data from or to a plain TCP server. */
export interface PlainTransferTask {
  readonly kind: "plain-transfer";
  readonly direction: "download" | "upload";
  readonly route: Route;
  readonly bytes: number;
  /** Whether to hash the received bytes instead of counting them. */
  readonly digest: boolean;
}

/** Task: open connections, each with a few bytes in both directions. */
export interface VisitTask {
  readonly kind: "visit";
  readonly route: Route;
  readonly count: number;
  /** Number of concurrent connections. */
  readonly atOnce: number;
}

export interface VisitsResult {
  readonly seconds: number;
}
