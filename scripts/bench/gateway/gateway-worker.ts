import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";
import { collectGarbage } from "../../garbage.ts";
import { work } from "../children/worker.ts";
import type { Address } from "../tunnel/tunnel-tasks.ts";
import type { RelayResult, TicketsResult, Weight } from "./gateway-tasks.ts";

/** Time for the relay and its peers to finish what they started, in milliseconds. Tunnels acknowledge their last bytes after a second. */
const SETTLE_TIME = 2500;

/** A relay from WebSocket to TCP in this process. */
export interface MeasuredRelay {
  /** Listens on a free port of 127.0.0.1, without Nagle's algorithm. */
  relay(to: Address): Promise<RelayResult>;
  tickets(count: number): Promise<TicketsResult>;
}

/** Performs the tasks that the parent process sends to a relay. */
export function relayWork(relay: MeasuredRelay): void {
  work((task) => {
    switch (task.kind) {
      case "relay":
        return relay.relay(task.to);
      case "tickets":
        return relay.tickets(task.count);
      case "weigh":
        return weigh();
      default:
        return Promise.reject(new Error(`unexpected task ${task.kind}`));
    }
  });
}

/** Makes a server listen on a free port of 127.0.0.1. */
export async function listenOnLoopback(server: Server): Promise<Address> {
  const host = "127.0.0.1";
  server.listen(0, host, 4096);
  await once(server, "listening");
  return { host, port: (server.address() as AddressInfo).port };
}

async function weigh(): Promise<Weight> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_TIME));
  await collectGarbage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { resident: rss, heap: heapUsed, external };
}
