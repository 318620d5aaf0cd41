/** What the `tunnel` case asks of processes. */
import type { Suite, Target } from "./tasks.ts";

/** A TCP address. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** How a connection reaches the plain TCP server. */
export interface Route {
  /** Where to connect. */
  readonly at: Address;
  /** The server behind a SOCKS 5 proxy at `at`; `undefined`: `at` leads to it by itself. */
  readonly socksTo?: Address | undefined;
}

/** A tunnel to one target, or a SOCKS 5 proxy. */
export type TunnelForm = "local" | "dynamic";

/** Asks a client to listen and to forward until the process ends. */
export interface ForwardTask {
  readonly kind: "forward";
  readonly target: Target;
  /** `undefined`: the client's own choice. */
  readonly suite: Suite | undefined;
  readonly form: TunnelForm;
  /** Target of a local forward. */
  readonly to: Address;
}

/** Where the tunnel listens. */
export type ForwardResult = Address;

/** Asks for a plain TCP server: see `plain-server.ts`. */
export interface ServePlainTask {
  readonly kind: "serve-plain";
  readonly host: string;
}

export type ServePlainResult = Address;

/** Asks for a transfer from or to a plain TCP server. */
export interface PlainTransferTask {
  readonly kind: "plain-transfer";
  readonly direction: "download" | "upload";
  readonly route: Route;
  readonly bytes: number;
  /** Hash the received bytes instead of counting them. */
  readonly digest: boolean;
}

/** Asks for connections, each with a few bytes there and back. */
export interface VisitTask {
  readonly kind: "visit";
  readonly route: Route;
  readonly count: number;
  /** How many are open at once. */
  readonly atOnce: number;
}

export interface VisitsResult {
  readonly seconds: number;
}
