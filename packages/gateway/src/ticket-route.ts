import type { IncomingMessage, ServerResponse } from "node:http";
import type { GatewayContext } from "./context.ts";
import type { Target } from "./destinations.ts";
import type { Authorize } from "./options.ts";
import { messageOf, type Refusal, type RequestCheck } from "./request-check.ts";
import { cookieSecret, csrfToken, hasCsrfToken, newCookieSecret, setCookie } from "./session-cookie.ts";

/** Longest body of a ticket request in bytes. */
const MAX_BODY = 4096;

/** Settings of {@link TicketRoute}. */
export interface TicketRouteSettings {
  readonly context: GatewayContext;
  readonly check: RequestCheck;
  readonly authorize: Authorize;
  /** Returns the HTTP session of a request. */
  readonly sessionOf: (request: IncomingMessage) => string | undefined;
}

/**
 * HTTP route at which pages request tickets. GET sets the gateway's cookie and returns `{ "csrfToken": … }`. POST of
 * `{ "host": …, "port": … }` with this token in `X-CSRF-Token` returns `{ "ticket": …, "expiresIn": … }`.
 */
export class TicketRoute {
  readonly #settings: TicketRouteSettings;

  constructor(settings: TicketRouteSettings) {
    this.#settings = settings;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { context, check } = this.#settings;
    const requester = check.requester(request);
    const { remoteAddress, origin } = requester;
    const answer = await this.#answer(request, response).catch(
      (error: unknown): Refusal => refusal("store", 503, messageOf(error)),
    );
    if (!("status" in answer)) return send(response, 200, answer);
    context.log({
      type: "refused",
      remoteAddress,
      origin,
      route: "ticket",
      reason: answer.reason,
      detail: answer.detail,
    });
    send(response, answer.status, { error: answer.reason });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<Refusal | object> {
    const { context, check } = this.#settings;
    const requester = check.requester(request);
    const { method = "" } = request;
    // Before counting, as for a WebSocket.
    // rule: ticket-origin-first
    const refused = ["GET", "POST"].includes(method)
      ? check.ticketRefusal(request, requester)
      : refusal("method", 405, method);
    // rule: ticket-rate
    if (!context.clients.mayBegin(requester.client, context.now(), refused !== undefined))
      return refusal("rate", 429, "too many requests");
    if (refused !== undefined) return refused;
    if (method === "GET") {
      const secret = cookieSecret(request) ?? newCookieSecret();
      response.setHeader("set-cookie", setCookie(secret));
      return { csrfToken: csrfToken(secret) };
    }
    return this.#issue(request, requester.remoteAddress, requester.origin!);
  }

  async #issue(request: IncomingMessage, remoteAddress: string, origin: string): Promise<Refusal | object> {
    const { context, authorize, sessionOf } = this.#settings;
    const secret = cookieSecret(request);
    const session = sessionOf(request);
    if (secret === undefined || session === undefined) return refusal("session", 403, "no session cookie");
    // rule: csrf-token
    if (!hasCsrfToken(request, secret)) return refusal("csrf", 403, "X-CSRF-Token does not belong to the cookie");
    // rule: ticket-body
    if (request.headers["content-type"] !== "application/json") return refusal("body", 415, "not application/json");
    const place = parsePlace(await readBody(request));
    if (place === undefined) return refusal("body", 400, 'not {"host": …, "port": …} of at most 4 KiB');
    let target: Target;
    try {
      target = context.destinations.target(place.host, place.port);
    } catch (error) {
      return refusal("destination", 403, (error as Error).message);
    }
    const decision = await decide(authorize, { request, origin, session, remoteAddress, ...target });
    // rule: authorize
    if (decision === false) return refusal("unauthorized", 403, `${target.host}:${target.port}`);
    const user = decision === true ? undefined : decision.user;
    return context.tickets.issue({ origin, session, user, ...target });
  }
}

async function decide(
  authorize: Authorize,
  request: Parameters<Authorize>[0],
): Promise<true | false | { readonly user: string }> {
  try {
    const decision: unknown = await authorize(request);
    if (decision === true) return true;
    const user = (decision as { readonly user?: unknown } | undefined)?.user;
    return typeof user === "string" ? { user } : false;
  } catch {
    return false;
  }
}

/** Reads the request's body. Resolves to `undefined` if it is too long or the connection ends early. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      // rule: ticket-body-length
      if (length > MAX_BODY) return undefined;
      chunks.push(chunk);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString();
}

function parsePlace(body: string | undefined): Target | undefined {
  try {
    const { host, port } = JSON.parse(body ?? "") as Partial<Record<keyof Target, unknown>>;
    return typeof host === "string" && Number.isInteger(port) ? { host, port: port as number } : undefined;
  } catch {
    return undefined;
  }
}

function refusal(reason: Refusal["reason"], status: number, detail: string): Refusal {
  return { reason, status, detail };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(status !== 200 && { connection: "close" }),
  });
  response.end(`${JSON.stringify(body)}\n`);
}
