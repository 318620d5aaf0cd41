import { createServer, type RequestListener, type Server } from "node:http";

/** Headers of every response of a page's server, beside its policy and its caching. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

/** Where a page's server listens. */
export interface PageAddress {
  readonly host: string;
  /** 0 selects a free port. */
  readonly port: number;
}

/** Starts the HTTP server of a page. Rejects if it cannot listen; the error ends with `remedy`. */
export async function openPageServer(
  { host, port }: PageAddress,
  listener: RequestListener,
  remedy: string,
): Promise<Server> {
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000, keepAliveTimeout: 5000 }, listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new Error(`cannot listen on ${host} port ${port}: ${cause.message}; ${remedy}`, { cause })),
    );
    server.listen({ host, port }, resolve);
  });
  return server;
}
