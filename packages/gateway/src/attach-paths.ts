import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Duplex } from "node:stream";

type Server = HttpServer | HttpsServer;

/** Arguments of a server's events. */
interface Events {
  readonly request: [request: IncomingMessage, response: ServerResponse];
  readonly upgrade: [request: IncomingMessage, socket: Duplex, head: Buffer];
}

type Handler<E extends keyof Events> = (...args: Events[E]) => void;

/** Handlers of a gateway, by event and path. */
type Paths = { readonly [E in keyof Events]: Readonly<Record<string, Handler<E>>> };

/** The gateways of a server. They share one listener of each event, so that only one of them answers for an unknown path. */
interface Attached {
  /** Last attached first. */
  readonly gateways: Paths[];
  /** Restores the server's own listeners. */
  restore(): void;
}

const ATTACHED = new WeakMap<Server, Attached>();

/**
 * Installs handlers for some paths of a server. Requests and upgrades of other paths go to the listeners that the server already has, or
 * get status 404 if it has none. Returns a function that removes the handlers. When all are removed, the server has its listeners again.
 */
export function attachPaths(server: Server, paths: Paths): () => void {
  const attached = ATTACHED.get(server) ?? takeOver(server);
  const { gateways } = attached;
  ATTACHED.set(server, attached);
  gateways.unshift(paths);
  return () => {
    gateways.splice(gateways.indexOf(paths), 1);
    if (gateways.length > 0) return;
    ATTACHED.delete(server);
    attached.restore();
  };
}

/** Intercepts the events of a server that has no gateway yet. */
function takeOver(server: Server): Attached {
  const gateways: Paths[] = [];
  const restoreRequest = intercept(server, "request", gateways, (_, response) => void response.writeHead(404).end());
  const restoreUpgrade = intercept(server, "upgrade", gateways, (_, socket) => refuseUpgrade(socket, 404, "Not Found"));
  return {
    gateways,
    restore() {
      restoreRequest();
      restoreUpgrade();
    },
  };
}

/**
 * Puts one listener in the place of all listeners of an event. For a path of a gateway, it calls that gateway. For any other path, it calls
 * the listeners that it replaced; if there were none, it calls `refuse`. Returns a function that restores them.
 */
function intercept<E extends keyof Events>(
  server: Server,
  event: E,
  gateways: readonly Paths[],
  refuse: Handler<E>,
): () => void {
  const others = server.listeners(event) as Handler<E>[];
  server.removeAllListeners(event);
  const listener: Handler<E> = (...args) => {
    const path = (args[0].url ?? "").split("?", 1)[0]!;
    const handlers = gateways.map((gateway) => gateway[event]).find((paths) => Object.hasOwn(paths, path));
    if (handlers !== undefined) return handlers[path]!(...args);
    // A listener added since gets every event itself, and may answer this one.
    if (others.length === 0 && server.listenerCount(event) === 1) return refuse(...args);
    for (const other of others) other.call(server, ...args);
  };
  server.on(event, listener);
  return () => {
    server.off(event, listener);
    for (const other of others) server.on(event, other);
  };
}

/** Answers a request for an upgrade with an error, and closes its connection. */
export function refuseUpgrade(socket: Duplex, status: number, reason: string): void {
  socket.on("error", () => {});
  socket.once("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
