import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createGateway } from "../src/index.ts";
import { ORIGIN } from "./origin.ts";

// A gateway in a process of its own. Its argument is the port of the only destination. It reports its port and five tickets, and then
// answers each message with the bytes that went up, those that it buffers, and its resident memory.

/** Report of the gateway's process. */
export type GatewayReport =
  | { readonly port: number; readonly tickets: readonly string[] }
  | { readonly up: number; readonly buffered: number; readonly rss: number };

const report = (message: GatewayReport): void => void process.send!(message);

const target = Number(process.argv[2]);
const server = createServer();
server.listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as AddressInfo;
const place = `127.0.0.1:${target}`;
const gateway = createGateway({ origins: [ORIGIN], hosts: [`127.0.0.1:${port}`], allow: [place], plain: place });
gateway.attach(server);
const tickets = await Promise.all(
  Array.from({ length: 5 }, async () => {
    const grant = { origin: ORIGIN, host: "127.0.0.1", port: target, session: undefined };
    return (await gateway.issueTicket(grant)).ticket;
  }),
);
process.on("message", () => {
  const [, up, buffered] = /direction="up"} (\d+)[^]*buffered_bytes (\d+)/.exec(gateway.metrics())!.map(Number);
  report({ up: up!, buffered: buffered!, rss: process.memoryUsage.rss() });
});
// The test's process may end without a word.
process.on("disconnect", () => process.exit());
report({ port, tickets });
