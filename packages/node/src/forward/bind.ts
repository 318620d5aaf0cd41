import { chmod, link, lstat, mkdtemp, rm, unlink } from "node:fs/promises";
import { createServer, type ListenOptions, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { plainAddress } from "@nacre/keyfiles/internal";
import { escapeText, SshError } from "@nacre/wire";
import { checkListenAddress, type ListenAddress } from "nacre/extend";
import { TCP_KEEPALIVE_DELAY } from "../net/dial.ts";
import { listenError } from "../net/failure.ts";
import { SYSTEM_LOOKUPS } from "../net/lookup.ts";
import { isWindows } from "../windows/system.ts";
import type { Connections } from "./connections.ts";

/**
 * Listens on a TCP port or Unix socket and passes each connection to `onSocket`. The default host `"localhost"` listens on 127.0.0.1 and
 * ::1, if this machine has both; `"*"` and `""` listen on all addresses. A Unix socket has mode 0600. Rejects with `listen-failed`, or
 * `usage` for an invalid address.
 */
export async function listenSocket(
  address: ListenAddress,
  connections: Connections,
  streamLocalBindUnlink: boolean | undefined,
  onSocket: (socket: Socket) => void,
): Promise<Bound> {
  checkListenAddress(address);
  const handler = { onSocket, onError: (cause: Error) => connections.report(acceptError(cause)) };
  const { host = "localhost", port = 0, path } = address;
  try {
    if (path !== undefined) {
      if (streamLocalBindUnlink) await unlinkSocket(path);
      return await bindPath(path, handler);
    }
    if (host === "" || host === "*") return await bindAll(port, handler);
    return await bindEach(
      host === "localhost" ? LOOPBACK : await SYSTEM_LOOKUPS.lookup(host, { users: [] }),
      port,
      handler,
    );
  } catch (cause) {
    throw path === undefined
      ? listenError(`${host || "*"} port ${port}`, cause)
      : listenError(path, cause, PATH_REASONS);
  }
}

function acceptError(cause: Error): SshError {
  return new SshError("listen-failed", `cannot accept a connection: ${escapeText(cause.message)}`, { cause });
}

const PATH_REASONS: Readonly<Record<string, string>> = {
  EEXIST: "the path exists; remove it, or set `streamLocalBindUnlink` to replace an existing socket",
  EACCES: "permission denied",
  ENOENT: "the folder does not exist",
};

/** Callbacks for accepted sockets. */
export interface SocketHandler {
  /** Called with an accepted connection. It is paused, and each direction ends independently. */
  readonly onSocket: (socket: Socket) => void;
  /** Called if the system cannot hand over a connection. The listener stays open. */
  readonly onError?: ((cause: Error) => void) | undefined;
}

/** A set of listening sockets. */
export interface Bound {
  /** Port number; `undefined` for a Unix socket. */
  readonly port: number | undefined;
  /** Stops listening; the address is free when the promise resolves. Accepted connections stay open. Never rejects. */
  close(): Promise<void>;
}

/** The addresses of "localhost" (RFC 6761 §6.3). */
export const LOOPBACK: readonly string[] = ["127.0.0.1", "::1"];

/** Attempts to find a port that is free on all addresses when port 0 is given. */
const PORT_ATTEMPTS = 5;

/**
 * Listens on one port on every address that this machine has. Listens on none if the port is taken on one of them, because another program
 * would receive some of the connections. Port 0 selects a free port. Rejects with the system's error.
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
      if (servers.length === 0) throw missing ?? new Error("the host name has no address");
      return boundTo(servers);
    } catch (error) {
      for (const server of servers) server.close();
      throw error;
    }
  });
}

/** Listens on a port on all addresses. One socket serves both families unless the system has no IPv6. Rejects like `bindEach`. */
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
 * Listens on a Unix socket with mode 0600. Rejects with the system's error, also if the file exists. The socket is created in a private
 * folder and then linked to its path. Therefore it never has another mode there, and an existing file is never replaced. On Windows it is a
 * named pipe, which is not a file.
 */
export async function bindPath(path: string, handler: SocketHandler): Promise<Bound> {
  if (isWindows()) {
    const pipe = await bind({ path }, handler);
    return { port: undefined, close: async () => void pipe.close() };
  }
  // Keep the name short, because the length of a socket path is limited.
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
        // Another program may have created its own socket here.
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

/** Removes a Unix socket. Leaves any other file in place. Rejects with the system's error. */
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

/** Returns whether the system lacks this address or its family. */
function isMissing(error: unknown): boolean {
  const { code = "" } = error as NodeJS.ErrnoException;
  return code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT";
}

function boundTo(servers: readonly Server[]): Bound {
  return {
    port: portOf(servers[0]!),
    async close() {
      // Do not wait for the callback: it runs only after all accepted connections end.
      for (const server of servers) server.close();
    },
  };
}

/**
 * Buffer size of a connection in each direction, in bytes. It exceeds Node's default because one read returns 64 KiB; otherwise every
 * buffered chunk would stop and restart reading.
 */
const BUFFERED = 256 * 1024;

function bind(options: ListenOptions, { onSocket, onError = () => {} }: SocketHandler): Promise<Server> {
  // Do not read from a connection before its handler takes it.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, highWaterMark: BUFFERED }, (socket) => {
    // An error may occur before the handler adds its listener.
    socket.on("error", () => {});
    onSocket(socket);
    // After the handler, which may send a request for the connection: these take time. Deno ignores the options of `createServer`.
    socket.setNoDelay(true);
    // A connection from this machine ends with its process.
    if (!LOOPBACK.includes(plainAddress(socket.remoteAddress ?? ""))) socket.setKeepAlive(true, TCP_KEEPALIVE_DELAY);
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
