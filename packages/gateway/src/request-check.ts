import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { addressMatcher, addressScope, networkOf, plainAddress } from "@nacre/keyfiles/internal";
import { escapeText, SshError } from "@nacre/wire";
import type { RefusalReason } from "./events.ts";
import type { GatewayOptions } from "./options.ts";

/** Sender of a request. */
export interface Requester {
  /** IP address of the client, behind trusted proxies if any. */
  readonly remoteAddress: string;
  /** Key of the client in {@link Clients}: an IPv4 address or an IPv6 /64 network. */
  readonly client: string;
  readonly origin: string | undefined;
  /** Whether the request arrived over TLS, here or at a trusted proxy. */
  readonly isSecure: boolean;
}

/** Reason for refusing a request, with its HTTP status. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly status: number;
  readonly detail: string;
}

type CheckOptions = Pick<
  GatewayOptions,
  "origins" | "hosts" | "allowMissingOrigin" | "allowInsecure" | "trustedProxies"
>;

/** Prefix lengths that identify a client. One IPv6 customer has 2⁶⁴ addresses or more. */
const CLIENT_SIZE = { ipv4: 32, ipv6: 64 };

/** Checks requests: `Host`, `Origin`, TLS, and the headers of proxies. */
export class RequestCheck {
  readonly #origins: ReadonlySet<string>;
  readonly #hosts: ReadonlySet<string>;
  readonly #allowMissingOrigin: boolean;
  readonly #allowInsecure: boolean;
  readonly #isProxy: (address: string) => boolean;

  /** Throws `usage` for invalid options. */
  constructor({ origins, hosts, allowMissingOrigin, allowInsecure, trustedProxies }: CheckOptions) {
    this.#origins = new Set(origins.map((origin) => checkOrigin(origin)));
    this.#hosts = new Set((hosts ?? origins.map((origin) => new URL(origin).host)).map((host) => host.toLowerCase()));
    this.#allowMissingOrigin = allowMissingOrigin ?? false;
    this.#allowInsecure = allowInsecure ?? false;
    this.#isProxy = addressMatcher("trustedProxies", trustedProxies ?? []);
  }

  /** Returns whether pages of this origin may connect; `undefined` is a missing `Origin`. */
  allowsOrigin(origin: string | undefined): boolean {
    // rule: origin-missing
    if (origin === undefined) return this.#allowMissingOrigin;
    // rule: origin-exact
    return this.#origins.has(origin);
  }

  /** Returns the sender of a request. */
  requester(request: IncomingMessage): Requester {
    const { socket, headers } = request;
    const peer = plainAddress(socket.remoteAddress ?? "");
    // rule: trusted-proxies
    const isForwarded = this.#isProxy(peer);
    const remoteAddress = isForwarded ? this.#forwardedFor(peer, headers["x-forwarded-for"]) : peer;
    const isSecure = isForwarded
      ? lastOf(headers["x-forwarded-proto"])?.toLowerCase() === "https"
      : (socket as Partial<TLSSocket>).encrypted === true;
    const client = networkOf(remoteAddress, CLIENT_SIZE) ?? remoteAddress;
    return { remoteAddress, client, origin: headers.origin, isSecure };
  }

  /** Returns the reason for refusing a WebSocket, or `undefined` to accept it. */
  webSocketRefusal(request: IncomingMessage, requester: Requester): Refusal | undefined {
    const { origin } = requester;
    const refused = this.hostRefusal(request);
    if (refused !== undefined) return refused;
    if (!this.allowsOrigin(origin)) return originRefusal(`Origin is ${origin ?? "missing"}; name it in \`origins\``);
    return this.#transportRefusal(requester);
  }

  /** Returns the reason for refusing a request for a ticket, unless a script of a page of the gateway's own origin may have sent it. */
  ticketRefusal(request: IncomingMessage, requester: Requester): Refusal | undefined {
    const { method, headers } = request;
    const { origin } = requester;
    const refused = this.hostRefusal(request);
    if (refused !== undefined) return refused;
    const { "sec-fetch-site": site = "same-origin", "sec-fetch-mode": mode = "cors" } = headers;
    // rule: ticket-fetch-site
    if (site !== "same-origin") return originRefusal(`Sec-Fetch-Site is ${site}`);
    // A navigation that starts at another site carries no cookie (SameSite=Strict), and must not replace it.
    // rule: ticket-navigation
    if (mode === "navigate") return originRefusal("Sec-Fetch-Mode is navigate");
    // Browsers send no `Origin` with a same-origin GET.
    const isOwn =
      origin === undefined
        ? method === "GET"
        : this.allowsOrigin(origin) && new URL(origin).host === headers.host?.toLowerCase();
    // rule: ticket-same-origin
    if (!isOwn) return originRefusal("tickets are for pages of this origin; others get theirs from their server");
    return this.#transportRefusal(requester);
  }

  /** Returns the reason for refusing a request because of its `Host`. */
  hostRefusal({ headersDistinct }: IncomingMessage): Refusal | undefined {
    // `headers.host` is the first of several values, but a proxy may have used another one (RFC 9112 §3.2).
    const hosts = headersDistinct["host"] ?? [];
    // rule: host-once
    if (hosts.length !== 1) return { reason: "host", status: 400, detail: `${hosts.length} Host headers; send one` };
    const host = hosts[0]!.toLowerCase();
    // rule: host-header
    if (!this.#hosts.has(host)) return { reason: "host", status: 421, detail: `Host is ${host}; name it in \`hosts\`` };
    return undefined;
  }

  #transportRefusal({ isSecure, remoteAddress }: Requester): Refusal | undefined {
    // rule: secure-transport
    if (!isSecure && !this.#allowInsecure && addressScope(remoteAddress) !== "machine")
      return { reason: "insecure", status: 403, detail: "not over TLS, and not from this machine" };
    return undefined;
  }

  /** Returns the last address that is not a trusted proxy. A client can forge the addresses before it. */
  #forwardedFor(peer: string, header: string | string[] | undefined): string {
    const addresses = String(header ?? "").split(",");
    let address = peer;
    while (this.#isProxy(address)) {
      const next = plainAddress(addresses.pop()?.trim() ?? "");
      if (addressScope(next) === undefined) break;
      address = next;
    }
    return address;
  }
}

function originRefusal(detail: string): Refusal {
  return { reason: "origin", status: 403, detail };
}

function lastOf(header: string | string[] | undefined): string | undefined {
  return String(header ?? "")
    .split(",")
    .at(-1)
    ?.trim();
}

function checkOrigin(origin: string): string {
  if (URL.canParse(origin) && new URL(origin).origin === origin && /^https?:[^*]+$/.test(origin)) return origin;
  throw new SshError(
    "usage",
    `origins: "${escapeText(origin)}" is not an origin: give scheme, host and port as browsers send them, "https://app.example.org"`,
  );
}

/** Returns the message of an error for the log. Only that of an `SshError` contains no secrets. */
export function messageOf(error: unknown): string {
  return error instanceof SshError ? error.message : "an unexpected error";
}
