import type { Server as HttpServer, IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Duplex } from "node:stream";

type OnRequest = (request: IncomingMessage, response: ServerResponse) => void;
type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Handlers of requests and upgrades, by path. */
interface Paths {
  readonly requests: Readonly<Record<string, OnRequest>>;
  readonly upgrades: Readonly<Record<string, OnUpgrade>>;
}

/**
 * Installs handlers for some paths of a server. Other requests go to the listeners that the server already has, or get status 404 if it has
 * none. Returns a function that removes the handlers and restores the listeners.
 */
export function attachPaths(server: HttpServer | HttpsServer, { requests, upgrades }: Paths): () => void {
  const others = server.listeners("request") as RequestListener[];
  server.removeAllListeners("request");
  const onRequest: RequestListener = (request, response) => {
    const handler = own(requests, request);
    if (handler !== undefined) return handler(request, response);
    if (others.length === 0) response.writeHead(404).end();
    for (const other of others) other.call(server, request, response);
  };
  const onUpgrade: OnUpgrade = (request, socket, head) => {
    const handler = own(upgrades, request);
    if (handler !== undefined) return handler(request, socket, head);
    // If the server has another upgrade listener, that one may handle this path.
    if (server.listenerCount("upgrade") === 1) socket.destroy();
  };
  server.on("request", onRequest);
  server.on("upgrade", onUpgrade);
  return () => {
    server.off("request", onRequest);
    server.off("upgrade", onUpgrade);
    for (const other of others) server.on("request", other);
  };
}

function own<T>(handlers: Readonly<Record<string, T>>, { url = "" }: IncomingMessage): T | undefined {
  const path = url.split("?", 1)[0]!;
  return Object.hasOwn(handlers, path) ? handlers[path] : undefined;
}
