import { chmod, link, lstat, mkdtemp, rm, unlink } from "node:fs/promises";
import { createServer, type ListenOptions, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import type { ForwardingListener, ListenContext } from "nacre/parts";
import type { Lookup } from "./lookup.ts";
import { socketDuplex } from "./socket-duplex.ts";
import { plainAddress } from "./source-address.ts";
import { TCP_KEEPALIVE_DELAY } from "./tcp-keepalive.ts";

/** Which addresses clients may bind (sshd_config(5), GatewayPorts). */
export type GatewayPorts = "no" | "yes" | "clientspecified";

type Accept = ListenContext["accept"];

/** How often a free port is tried for on several addresses: another program may have it on one of them. */
const PORT_ATTEMPTS = 5;

const LOOPBACK = ["127.0.0.1", "::1"];

/** Listens for a client at the addresses that `gatewayPorts` makes of `host`. Rejects with the system's error. */
export async function listenAddresses(
  { host, port }: { readonly host: string; readonly port: number },
  gatewayPorts: GatewayPorts,
  lookup: Lookup,
  accept: Accept,
): Promise<ForwardingListener> {
  const hosts = await hostsToBind(host, gatewayPorts, lookup);
  for (let attempt = 1; ; attempt++) {
    try {
      return hosts === "all" ? await bindAll(port, accept) : await bindEach(hosts, port, accept);
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
      if (port !== 0 || !isTaken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function hostsToBind(
  host: string,
  gatewayPorts: GatewayPorts,
  lookup: Lookup,
): Promise<readonly string[] | "all"> {
  if (gatewayPorts === "yes") return "all";
  // rule: gateway-ports
  if (gatewayPorts === "no") return LOOPBACK.includes(host) ? [host] : LOOPBACK;
  if (host === "" || host === "*") return "all";
  return host === "localhost" ? LOOPBACK : lookup(host);
}

/** One socket takes both families, unless the system has no IPv6. */
async function bindAll(port: number, accept: Accept): Promise<ForwardingListener> {
  const server = await bind({ host: "::", port }, accept).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
    return bind({ host: "0.0.0.0", port }, accept);
  });
  return listenerOf([server]);
}

/** Binds one port on all of the addresses that this machine has, and on none if one is taken. */
async function bindEach(hosts: readonly string[], port: number, accept: Accept): Promise<ForwardingListener> {
  const servers: Server[] = [];
  let missing: unknown;
  try {
    for (const host of hosts) {
      const bound = servers[0] === undefined ? port : portOf(servers[0]);
      try {
        servers.push(await bind({ host, port: bound, ipv6Only: host.includes(":") }, accept));
      } catch (error) {
        if (!isMissing(error)) throw error;
        missing ??= error;
      }
    }
    if (servers.length === 0) throw missing ?? new Error("the name has no address");
    return listenerOf(servers);
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
}

/** Whether the system has no such address, or not this family. */
function isMissing(error: unknown): boolean {
  const { code = "" } = error as NodeJS.ErrnoException;
  return code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT";
}

function listenerOf(servers: readonly Server[]): ForwardingListener {
  return {
    port: portOf(servers[0]!),
    async close() {
      // The address is free when this returns; the callback would wait for accepted connections.
      for (const server of servers) server.close();
    },
  };
}

const portOf = (server: Server): number => (server.address() as { readonly port: number }).port;

/**
 * Listens at a Unix socket of mode 0600. Rejects with the system's error, also if a file of that name exists. The socket is made in a
 * private folder beside it and linked when it is ready: nobody sees it with another mode, and a link never replaces a file.
 */
export async function listenAtPath(path: string, accept: Accept): Promise<ForwardingListener> {
  const folder = await mkdtemp(join(dirname(path), ".nacre-"));
  const first = join(folder, "s");
  let server: Server | undefined;
  try {
    server = await bind({ path: first }, accept);
    // rule: socket-mode
    await chmod(first, 0o600);
    await link(first, path);
    const { ino, dev } = await lstat(path);
    const listening = server;
    return {
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

function bind(options: ListenOptions, accept: Accept): Promise<Server> {
  // A connection is not read before the client has taken it.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => acceptSocket(socket, accept));
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options, () => {
      server.off("error", reject);
      // A connection that the system cannot hand over is lost; the listener goes on.
      server.on("error", () => {});
      resolve(server);
    });
  });
}

function acceptSocket(socket: Socket, accept: Accept): void {
  const { remoteAddress, remotePort = 0 } = socket;
  // Not as options of `createServer`, some of which Deno ignores.
  socket.setNoDelay(true);
  socket.setKeepAlive(true, TCP_KEEPALIVE_DELAY);
  accept(
    socketDuplex(socket),
    remoteAddress === undefined ? undefined : { address: plainAddress(remoteAddress), port: remotePort },
  );
}
