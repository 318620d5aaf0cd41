// HTTP server of the page.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { contentSecurityPolicy } from "./content-security-policy.ts";
import type { PageConfig } from "./destination.ts";
import type { PageFile } from "./page-bundle.ts";

const HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

const DOCUMENT = readFileSync(new URL("../page/index.html", import.meta.url), "utf8");

/** Starts a server on loopback that has only the page's document, `files` and settings. Rejects if it cannot listen. */
export async function openPageServer(
  port: number,
  files: ReadonlyMap<string, PageFile>,
  config: PageConfig,
): Promise<Server> {
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 10_000, keepAliveTimeout: 5000 },
    (request, response) => serve(request, response, files, config),
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new Error(`cannot listen on port ${port}: ${cause.message}; choose another with --web-port`, { cause })),
    );
    server.listen({ host: "127.0.0.1", port }, resolve);
  });
  return server;
}

function serve(
  { method, url = "" }: IncomingMessage,
  response: ServerResponse,
  files: ReadonlyMap<string, PageFile>,
  config: PageConfig,
): void {
  if (method !== "GET" && method !== "HEAD") {
    response.writeHead(405, { ...HEADERS, allow: "GET, HEAD" }).end();
    return;
  }
  const nonce = randomBytes(16).toString("base64");
  const file = url === "/" ? document(nonce) : url === "/config.json" ? json(config) : files.get(url);
  const policy = contentSecurityPolicy(nonce, config.wasm);
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
