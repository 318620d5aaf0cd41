import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Ports that are given out: systems give those from 32,768 on to programs that let them choose. */
const [FIRST, END] = [10_000, 32_768];
/** Number of parts of these ports. Each worker of vitest has one, so that no other test takes a port before its program listens. */
const PARTS = 16;
const PART_SIZE = Math.floor((END - FIRST) / PARTS);
const part = Number(process.env["VITEST_POOL_ID"] ?? 0) % PARTS;
let next = randomInt(PART_SIZE);

/** Returns a free port, for a program that cannot choose one itself. No port is returned twice, until all were. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + part * PART_SIZE + next;
    next = (next + 1) % PART_SIZE;
    // Without an address, it listens on all of IPv4 and IPv6, so the port is free on each address.
    const server = createServer().listen(port);
    try {
      await once(server, "listening");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") continue;
      throw error;
    }
    server.close();
    await once(server, "close");
    return port;
  }
}
