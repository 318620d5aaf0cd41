import { chmod, link, lstat, mkdtemp, rm, unlink } from "node:fs/promises";
import { createServer, type ListenOptions, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { TCP_KEEPALIVE_DELAY } from "../tcp-keepalive.ts";

/** Callbacks for accepted sockets. */
export interface SocketHandler {
  /** A connection, paused, that ends each direction on its own. */
  readonly onSocket: (socket: Socket) => void;
  /** The system could not hand over a connection. The listener goes on. */
  readonly onError?: ((cause: Error) => void) | undefined;
}

/** Listening sockets. */
export interface Bound {
  /** `undefined` for a Unix socket. */
  readonly port: number | undefined;
  /** Stops listening; the address is free when this returns. Accepted connections stay open. Never rejects. */
  close(): Promise<void>;
}

/** The addresses of "localhost" (RFC 6761 §6.3). */
export const LOOPBACK: readonly string[] = ["127.0.0.1", "::1"];

/** How often another port is tried where any port serves: another program may have it on one of several addresses. */
const PORT_ATTEMPTS = 5;

/**
 * Listens at one port on all of the addresses that this machine has, and on none if it is taken on one: another program would get some of
 * the connections. Port 0 is any port. Rejects with the system's error.
 */
export async function bindEach(hosts: readonly string[], port: number, handler: SocketHandler): Promise<Bound> {
  return retried(port, async () => {
    const servers: Server[] = [];
    let missing: unknown;
    try {
      for (const host of hosts) {
        const bound = servers[0] === undefined ? port : portOf(servers[0]);
        try {
          servers.push(await bind({ host, port: bound, ipv6Only: host.includes(":") }, handler));
        } catch (error) {
          if (!isMissing(error)) throw error;
          missing ??= error;
        }
      }
      if (servers.length === 0) throw missing ?? new Error("the name has no address");
      return boundTo(servers);
    } catch (error) {
      for (const server of servers) server.close();
      throw error;
    }
  });
}

/** Listens at a port on all addresses. One socket takes both families, unless the system has no IPv6. Rejects as `bindEach` does. */
export function bindAll(port: number, handler: SocketHandler): Promise<Bound> {
  return retried(port, async () => {
    const server = await bind({ host: "::", port }, handler).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
      return bind({ host: "0.0.0.0", port }, handler);
    });
    return boundTo([server]);
  });
}

/**
 * Listens at a Unix socket of mode 0600. Rejects with the system's error, also if a file of that name exists. The socket is made in a
 * private folder beside it and linked when it is ready: nobody sees it with another mode, and a link never replaces a file. On Windows it is
 * a named pipe, which is no file.
 */
export async function bindPath(path: string, handler: SocketHandler): Promise<Bound> {
  if (process.platform === "win32") {
    const pipe = await bind({ path }, handler);
    return { port: undefined, close: async () => void pipe.close() };
  }
  // A short name: the path of the first socket is bounded as well.
  const folder = await mkdtemp(join(dirname(path), ".n"));
  const first = join(folder, "s");
  let server: Server | undefined;
  try {
    server = await bind({ path: first }, handler);
    // rule: socket-mode
    await chmod(first, 0o600);
    await link(first, path);
    const { ino, dev } = await lstat(path);
    const listening = server;
    return {
      port: undefined,
      async close() {
        listening.close();
        const now = await lstat(path).catch(() => undefined);
        // Another program may have put its own there.
        if (now?.ino === ino && now.dev === dev) await unlink(path).catch(() => {});
      },
    };
  } catch (error) {
    server?.close();
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes a Unix socket, and no other file. Rejects with the system's error. */
export async function unlinkSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw cause;
  });
  if (found?.isSocket()) await unlink(path);
}

async function retried(port: number, listen: () => Promise<Bound>): Promise<Bound> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listen();
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
      if (port !== 0 || !isTaken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** Whether the system has no such address, or not this family. */
function isMissing(error: unknown): boolean {
  const { code = "" } = error as NodeJS.ErrnoException;
  return code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT";
}

function boundTo(servers: readonly Server[]): Bound {
  return {
    port: portOf(servers[0]!),
    async close() {
      // The callback would wait for accepted connections.
      for (const server of servers) server.close();
    },
  };
}

/**
 * Bytes that a connection buffers in each direction. One read is 64 KiB, more than Node's default: the system would stop and start reading
 * with each chunk that waits.
 */
const BUFFERED = 256 * 1024;

function bind(options: ListenOptions, { onSocket, onError = () => {} }: SocketHandler): Promise<Server> {
  // A connection is not read before it is taken.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, highWaterMark: BUFFERED }, (socket) => {
    // An error may come before anybody listens for it.
    socket.on("error", () => {});
    // Not as options of `createServer`: Deno ignores some of them.
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEPALIVE_DELAY);
    onSocket(socket);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options, () => {
      server.off("error", reject);
      server.on("error", onError);
      resolve(server);
    });
  });
}

const portOf = (server: Server): number => (server.address() as { readonly port: number }).port;
