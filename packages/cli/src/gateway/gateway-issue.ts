import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Gateway, GatewayEvent, RefusalReason, TicketGrant } from "@nacre/gateway";
import { plainAddress } from "@nacre/keyfiles/internal";
import { SshError } from "@nacre/wire";

/** Longest request body in bytes. */
const MAX_BODY = 4096;

/**
 * Returns the listener for the route at which an application's server requests tickets: POST of `{ "origin", "host", "port", "user"? }`
 * with the token in `Authorization: Bearer`. Requests for other paths get status 404. `log` gets requests without the token, and failures
 * of the ticket store.
 */
export function issueRoute(
  path: string,
  token: string,
  gateway: () => Gateway,
  log: (event: GatewayEvent) => void,
): RequestListener {
  return (request, response) => {
    const refused = (reason: RefusalReason, detail: string): void => {
      const remoteAddress = plainAddress(request.socket.remoteAddress ?? "");
      log({ type: "refused", remoteAddress, origin: undefined, route: "ticket", reason, detail });
    };
    void issue(request, path, token, gateway()).then(
      ([status, body]) => {
        if (status === 401) refused("unauthorized", `${path} was requested without the token of --issue-token`);
        send(response, status, body);
      },
      (error: unknown) => {
        // Other errors mean that the client has left.
        if (error instanceof SshError) refused("store", error.message);
        send(response, 503, { error: "store" });
      },
    );
  };
}

async function issue(
  request: IncomingMessage,
  path: string,
  token: string,
  gateway: Gateway,
): Promise<[number, object]> {
  if (request.url !== path) return [404, { error: "path" }];
  if (request.method !== "POST") return [405, { error: "method" }];
  // rule: issue-token
  if (!isSame(request.headers.authorization ?? "", `Bearer ${token}`)) return [401, { error: "token" }];
  const grant = parseGrant(await readBody(request));
  if (grant === undefined) return [400, { error: "body" }];
  try {
    return [200, await gateway.issueTicket(grant)];
  } catch (error) {
    if ((error as { readonly code?: string }).code !== "usage") throw error;
    return [403, { error: "destination" }];
  }
}

/** Compares two texts by their hashes, so that the time does not reveal the expected text. */
function isSame(given: string, expected: string): boolean {
  return timingSafeEqual(hash(given), hash(expected));
}

function hash(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY) return "";
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parseGrant(body: string): TicketGrant | undefined {
  try {
    const { origin, host, port, user } = JSON.parse(body) as Partial<Record<string, unknown>>;
    if (typeof origin !== "string" || typeof host !== "string" || !Number.isInteger(port)) return undefined;
    // The gateway cannot see the application's HTTP session, so the ticket is not bound to one.
    const grant = { origin, host, port: port as number, session: undefined };
    return typeof user === "string" ? { ...grant, user } : grant;
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  if (response.destroyed) return;
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(`${JSON.stringify(body)}\n`);
}
