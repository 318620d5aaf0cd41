import { chmod, link, lstat, mkdtemp, rm, unlink } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { escapeText, SshError } from "@nacre/wire";
import { checkListenAddress, type ListenAddress } from "nacre/parts";
import type { Listening } from "./forward.ts";

/** What hears of a listener on this side. */
export interface SocketHandler {
  /** A connection, paused, that ends each direction on its own. */
  readonly onSocket: (socket: Socket) => void;
  /** A connection could not be accepted. */
  readonly onError: (error: SshError) => void;
}

/**
 * Listens at a TCP port or a Unix socket. `"localhost"`, the default, is 127.0.0.1 and ::1, whichever this machine has; `"*"` and `""` are
 * all addresses. A Unix socket has mode 0600 from the start, and is removed on close. Rejects with `listen-failed`, or `usage` for an invalid
 * address.
 */
export async function listenSocket(
  address: ListenAddress,
  handler: SocketHandler,
  streamLocalBindUnlink = false,
): Promise<Listening> {
  checkListenAddress(address);
  if (address.path !== undefined) return listenAtPath(address.path, handler, streamLocalBindUnlink);
  const { host = "localhost", port } = address;
  if (host === "localhost") return listenAtLoopback(port, handler);
  const server = await bind(host === "*" || host === "" ? { port } : { host, port }, handler).catch(
    (cause: unknown) => {
      throw listenError(`${escapeText(host || "*")} port ${port}`, cause);
    },
  );
  return { port: portOf(server), close: () => closeServer(server) };
}

/** How often another port is tried where any port serves, and one loopback address has it in use. */
const PORT_ATTEMPTS = 16;

async function listenAtLoopback(port: number, handler: SocketHandler): Promise<Listening> {
  for (let attempt = 1; ; attempt++) {
    const servers: Server[] = [];
    const failures: unknown[] = [];
    for (const host of ["127.0.0.1", "::1"]) {
      const [first] = servers;
      await bind({ host, port: first === undefined ? port : portOf(first) }, handler).then(
        (server) => servers.push(server),
        (cause: unknown) => failures.push(cause),
      );
    }
    const [first] = servers;
    // Half a listener would leave the other half to whoever has that port: only an address that does not exist may be missing.
    const failure = failures.find((cause) => first === undefined || !isMissingAddress(cause));
    if (first !== undefined && failure === undefined)
      return { port: portOf(first), close: async () => void (await Promise.all(servers.map(closeServer))) };
    for (const server of servers) server.close();
    const isRetried = port === 0 && first !== undefined && attempt < PORT_ATTEMPTS;
    if (!isRetried) throw listenError(`localhost port ${port}`, failure);
  }
}

function isMissingAddress(cause: unknown): boolean {
  return ["EADDRNOTAVAIL", "EAFNOSUPPORT"].includes((cause as NodeJS.ErrnoException).code ?? "");
}

/**
 * Binds in a folder of its own, which nobody else may enter, and moves the socket from there: at no time can others connect to it, whatever
 * the umask. `link` refuses to replace a file.
 */
async function listenAtPath(path: string, handler: SocketHandler, bindUnlink: boolean): Promise<Listening> {
  if (process.platform === "win32") {
    // A named pipe, which is no file.
    const server = await bind({ path }, handler).catch((cause: unknown) => {
      throw listenError(escapeText(path), cause);
    });
    return { port: undefined, close: () => closeServer(server) };
  }
  let folder: string | undefined;
  let server: Server | undefined;
  try {
    if (bindUnlink && (await lstatIfExists(path))?.isSocket()) await unlink(path);
    folder = await mkdtemp(join(dirname(path), "."));
    const inside = join(folder, "s");
    server = await bind({ path: inside }, handler);
    await chmod(inside, 0o600);
    await link(inside, path);
  } catch (cause) {
    server?.close();
    throw listenError(escapeText(path), cause);
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
  const listening = server;
  const { dev, ino } = await lstat(path);
  return {
    port: undefined,
    async close() {
      // Another program may have put a socket of its own there.
      const found = await lstatIfExists(path).catch(() => undefined);
      if (found?.dev === dev && found.ino === ino) await unlink(path).catch(() => {});
      await closeServer(listening);
    },
  };
}

function lstatIfExists(path: string): Promise<Awaited<ReturnType<typeof lstat>> | undefined> {
  return lstat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw cause;
  });
}

type Binding = { readonly host?: string; readonly port: number } | { readonly path: string };

/** A server that listens. Rejects with the system's error. */
function bind(binding: Binding, { onSocket, onError }: SocketHandler): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      socket.on("error", () => {});
      socket.setNoDelay(true);
      onSocket(socket);
    });
    server.once("error", reject);
    server.listen({ ...binding }, () => {
      server.off("error", reject);
      server.on("error", (cause) => onError(acceptError(cause)));
      resolve(server);
    });
  });
}

function portOf(server: Server): number {
  return (server.address() as { readonly port: number }).port;
}

/** Stops listening. Resolves when the connections have ended, too. */
function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function acceptError(cause: Error): SshError {
  return new SshError("listen-failed", `a connection could not be accepted: ${escapeText(cause.message)}`, { cause });
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "the address is in use; choose another one, or port 0",
  EEXIST: "the path exists; remove it, or set `streamLocalBindUnlink` to replace a socket",
  EACCES: "permission denied",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOENT: "the folder does not exist",
  ENAMETOOLONG: "the path is too long for a Unix socket, which is first made in a new folder beside it",
  EINVAL: "the path is too long for a Unix socket, which is first made in a new folder beside it",
};

function listenError(place: string, cause: unknown): SshError {
  const { code = "", message } = cause as NodeJS.ErrnoException;
  return new SshError("listen-failed", `cannot listen at ${place}: ${REASONS[code] ?? escapeText(message)}`, { cause });
}
