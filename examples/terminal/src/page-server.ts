// HTTP server of the page.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { contentSecurityPolicy } from "../../shared/content-security-policy.ts";
import { openPageServer, PAGE_HEADERS } from "../../shared/page-server.ts";
import type { PageConfig } from "./destination.ts";
import type { PageFile } from "./page-bundle.ts";

const HEADERS: Readonly<Record<string, string>> = { ...PAGE_HEADERS, "cache-control": "no-store" };

const DOCUMENT = readFileSync(new URL("../page/index.html", import.meta.url), "utf8");

/** Starts a server on loopback that has only the page's document, `files` and settings. Rejects if it cannot listen. */
export function openTerminalServer(
  port: number,
  files: ReadonlyMap<string, PageFile>,
  config: PageConfig,
): Promise<Server> {
  return openPageServer(
    { host: "127.0.0.1", port },
    (request, response) => serve(request, response, files, config),
    "choose another with --web-port",
  );
}

function serve(
  { method, url = "", headers, socket }: IncomingMessage,
  response: ServerResponse,
  files: ReadonlyMap<string, PageFile>,
  config: PageConfig,
): void {
  // Another site's page could otherwise read the settings through a name that it resolves to 127.0.0.1.
  if (![`localhost:${socket.localPort}`, `127.0.0.1:${socket.localPort}`].includes(headers.host ?? "")) {
    response.writeHead(421, HEADERS).end();
    return;
  }
  if (method !== "GET" && method !== "HEAD") {
    response.writeHead(405, { ...HEADERS, allow: "GET, HEAD" }).end();
    return;
  }
  // For the style elements that xterm.js creates.
  const nonce = randomBytes(16).toString("base64");
  const file = url === "/" ? document(nonce) : url === "/config.json" ? json(config) : files.get(url);
  const policy = contentSecurityPolicy({ styleNonce: nonce, wasm: config.wasm });
  if (file === undefined) response.writeHead(404, HEADERS).end();
  else
    response
      .writeHead(200, { ...HEADERS, "content-security-policy": policy, "content-type": file.type })
      .end(file.body);
}

function document(nonce: string): PageFile {
  return { type: "text/html; charset=utf-8", body: Buffer.from(DOCUMENT.replace("NONCE", nonce)) };
}

function json(value: unknown): PageFile {
  return { type: "application/json", body: Buffer.from(JSON.stringify(value)) };
}
