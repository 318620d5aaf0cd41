import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { createGateway, type GatewayEvent } from "@nacre/gateway";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, expect, vi } from "vitest";

const PAGE = fileURLToPath(new URL("../page/main.ts", import.meta.url));
const HTML =
  '<!doctype html><meta charset="utf-8"><title>Test page</title><script type="module" src="/page.js"></script>';

/** Bound of a wait, in milliseconds between two looks and in total. */
const WAIT = { interval: 50, timeout: 20_000 };

/** Web server of the test page, with a gateway of the same origin. */
export interface Site {
  readonly origin: string;
  readonly port: number;
  /** Events of the gateway since the start. */
  readonly events: readonly GatewayEvent[];
  /** Number of WebSockets that the site will still refuse. */
  readonly refusals: number;
  /** Returns whether a request of a page of this origin contained a cookie. */
  gotCookieFrom(origin: string): boolean;
  /** Number of open connections and of WebSockets. */
  readonly open: { readonly connections: number; readonly webSockets: number };
  /** Resolves with the first event of a closed connection after `events` had this length. Rejects after twenty seconds. */
  closedAfter(length: number): Promise<GatewayEvent>;
  close(): Promise<void>;
}

/**
 * Starts a site on a free port of this machine, as `http://localhost`. Its gateway gives every page of its origin tickets for these ports
 * of 127.0.0.1. POST to `/cut` destroys the sockets of all WebSockets, without a close frame, and those of the next ones
 * if the query names a number of `refusals`.
 */
export async function startSite(ports: readonly number[]): Promise<Site> {
  const script = await bundlePage();
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, origin);
    if (pathname === "/cut" && request.method === "POST") {
      refusals = Number(searchParams.get("refusals"));
      for (const socket of sockets) socket.destroy();
      response.end();
    } else if (pathname === "/page.js") {
      response.setHeader("content-type", "text/javascript").end(script);
    } else {
      response.setHeader("content-type", "text/html").end(HTML);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const origin = `http://localhost:${port}`;
  const sockets = new Set<Duplex>();
  let refusals = 0;
  const events: GatewayEvent[] = [];
  const gateway = createGateway({
    origins: [origin],
    allow: ports.map((port) => `127.0.0.1:${port}`),
    authorize: () => true,
    log: (event) => events.push(event),
  });
  gateway.attach(server);
  // Before the gateway: a WebSocket may be refused.
  server.prependListener("upgrade", (_, socket) => {
    if (refusals > 0) {
      refusals--;
      socket.destroy();
    }
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const originsWithCookie = new Set<string | undefined>();
  for (const type of ["request", "upgrade"] as const)
    server.on(type, ({ headers }: IncomingMessage) => {
      if (headers.cookie !== undefined) originsWithCookie.add(headers.origin);
    });
  return {
    origin,
    port,
    events,
    get refusals() {
      return refusals;
    },
    gotCookieFrom: (origin) => originsWithCookie.has(origin),
    get open() {
      return { connections: gateway.connections, webSockets: sockets.size };
    },
    closedAfter: (length) =>
      vi.waitFor(() => {
        const found = events.slice(length).find(({ type }) => type === "closed");
        if (found === undefined) throw new Error("the gateway has closed no connection");
        return found;
      }, WAIT),
    async close() {
      await gateway.close();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Starts a site for the tests of a file or a `describe`. Checks after each test that its pages left nothing open. */
export function useSite(ports: () => readonly number[]): { readonly site: Site } {
  let site: Site | undefined;
  beforeAll(async () => {
    site = await startSite(ports());
  });
  afterEach(() => expect.poll(() => site?.open, WAIT).toEqual({ connections: 0, webSockets: 0 }));
  afterAll(() => site?.close());
  return {
    get site() {
      if (site === undefined) throw new Error("the site has not started");
      return site;
    },
  };
}

/** Bundles the page's script for a browser, without shims for Node. */
async function bundlePage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [PAGE],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2023",
    conditions: ["@nacre/source"],
    logLevel: "error",
  });
  return outputFiles[0]!.text;
}
