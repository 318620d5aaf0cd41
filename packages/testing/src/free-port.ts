import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Returns a free port, for a program that cannot choose one itself. Systems give ports from 32,768 on to programs that let them choose, so
 * a lower port is still free when the program starts.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_768);
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
