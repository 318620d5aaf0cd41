import { Child, type Program } from "../children.ts";
import { cpuSecondsOf } from "../measure/process-cpu.ts";
import type { Address } from "../tunnel/tunnel-tasks.ts";
import type { OpenPagesTask, Weight } from "./gateway-tasks.ts";
import { Websockify } from "./websockify.ts";

/** Number of connections that move data at once, and number of idle connections. */
export const CONNECTIONS = 500;

/** Time limit of a task in milliseconds, far above the normal time. */
export const GATEWAY_TIMEOUT = 60_000;

/** A program that relays WebSockets to TCP. */
export interface Relay {
  readonly name: string;
  readonly protocol: OpenPagesTask["protocol"];
  /** Program of the relay; `undefined` for websockify. */
  readonly program: Program | undefined;
}

// A small young generation: with 16 MiB, garbage in it would hide the memory of connections.
const forMemory = ["--expose-gc", "--max-semi-space-size=1"];
/**
 * V8 starts to mark the heap after every 16 MiB of messages, but only if the heap has more than 8 MiB. A relay with 500 connections is on
 * either side of that limit by chance, which changes its CPU time by a third. With a larger initial heap, all relays are on the same side.
 */
const forData = ["--initial-heap-size=256"];

/** The row that all others are compared with. */
export const barePipe: Relay = {
  name: "bare ws pipe",
  protocol: "binary",
  program: { file: "child-gateway-pipe" },
};
export const resumable: Relay = {
  name: "nacre, nacre.v1",
  protocol: "nacre.v1",
  program: { file: "child-gateway-nacre" },
};
export const plain: Relay = { name: "nacre, plain", protocol: "binary", program: { file: "child-gateway-nacre" } };
export const websockify: Relay = { name: "websockify", protocol: "binary", program: undefined };

/** A relay in a separate process, with its pages and connections. */
export interface OpenRelay {
  /** Opens `count` more connections. */
  open(count: number): Promise<void>;
  /** Echoes data on all connections. Resolves with the time and the relay's CPU time in seconds. */
  echo(load: {
    readonly bytes: number;
    readonly piece: number;
    readonly window: number;
  }): Promise<{ readonly seconds: number; readonly cpuSeconds: number }>;
  /** Closes all connections. */
  close(): Promise<void>;
  /** Returns the memory of the relay when it is idle. */
  weigh(): Promise<Partial<Weight> & Pick<Weight, "resident">>;
}

/** Starts a relay to `to` and a process with pages, calls `use`, and ends both. `forWeight` prepares the relay for `weigh`. */
export async function withRelay<T>(
  relay: Relay,
  to: Address,
  { forWeight = false }: { readonly forWeight?: boolean },
  use: (open: OpenRelay) => Promise<T>,
): Promise<T> {
  const pages = new Child({ file: "child-gateway-pages" });
  const { program, protocol } = relay;
  const server =
    program === undefined
      ? await Websockify.start(to)
      : new Child({ ...program, nodeArgs: forWeight ? forMemory : forData });
  try {
    const url =
      server instanceof Child ? (await server.perform({ kind: "relay", to }, GATEWAY_TIMEOUT)).url : server.url;
    const cpuSeconds = (): Promise<number> =>
      server instanceof Child ? cpuSecondsOf(server.pid) : server.cpuSeconds();
    return await use({
      async open(count) {
        const tickets =
          server instanceof Child && protocol === "nacre.v1"
            ? await server.perform({ kind: "tickets", count }, GATEWAY_TIMEOUT)
            : [];
        await pages.perform({ kind: "open-pages", url, protocol, to, count, tickets }, GATEWAY_TIMEOUT);
      },
      async echo(load) {
        const before = await cpuSeconds();
        const { seconds } = await pages.perform({ kind: "echo-pages", ...load }, GATEWAY_TIMEOUT);
        return { seconds, cpuSeconds: (await cpuSeconds()) - before };
      },
      async close() {
        await pages.perform({ kind: "close-pages" }, GATEWAY_TIMEOUT);
      },
      async weigh() {
        if (server instanceof Child) return server.perform({ kind: "weigh" }, GATEWAY_TIMEOUT);
        return { resident: await server.residentBytes() };
      },
    });
  } catch (cause) {
    throw new Error(`${relay.name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  } finally {
    await pages.end();
    await server.end();
  }
}
