/** A process with Nacre's gateway, for `nacre.v1` and for plain WebSockets. */
import { createServer } from "node:http";
import { createGateway, type Gateway } from "@nacre/gateway";
import { listenOnLoopback, relayWork } from "../gateway/gateway-worker.ts";
import type { Address } from "../tunnel/tunnel-tasks.ts";

const ORIGIN = "http://127.0.0.1";
const PATH = "/ssh";
/** The pages of the benchmark have one address, and connect as fast as they can. */
const MANY = 100_000;

let gateway: Gateway;
let target: Address;

relayWork({
  async relay(to) {
    const server = createServer();
    const { host, port } = await listenOnLoopback(server);
    const destination = `${to.host}:${to.port}`;
    gateway = createGateway({
      origins: [ORIGIN],
      hosts: [`${host}:${port}`],
      allow: [destination],
      plain: destination,
      limits: { maxConnectionsPerClient: MANY, maxNewPerSecond: MANY, maxNewPerSecondPerClient: MANY },
    });
    gateway.attach(server);
    target = to;
    return { url: `ws://${host}:${port}${PATH}` };
  },
  async tickets(count) {
    const issued = Array.from({ length: count }, () =>
      gateway.issueTicket({ origin: ORIGIN, ...target, session: undefined }),
    );
    return (await Promise.all(issued)).map(({ ticket }) => ticket);
  },
});
