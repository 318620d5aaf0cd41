import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { addressMatcher, addressScope, networkOf, plainAddress } from "@nacre/keyfiles/internal";
import { escapeText, SshError } from "@nacre/wire";
import type { RefusalReason } from "./events.ts";
import type { GatewayOptions } from "./options.ts";

/** Where a request comes from. */
export interface Requester {
  /** Client's IP address, behind trusted proxies. */
  readonly remoteAddress: string;
  /** The client that counts are kept for. */
  readonly client: string;
  readonly origin: string | undefined;
  /** Whether TLS protects the request, as far as this gateway sees. */
  readonly isSecure: boolean;
}

/** Why a request is refused, and the HTTP status. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly status: number;
  readonly detail: string;
}

type CheckOptions = Pick<
  GatewayOptions,
  "origins" | "hosts" | "allowMissingOrigin" | "allowInsecure" | "trustedProxies"
>;

/** One IPv6 customer has 2⁶⁴ addresses or more. */
const CLIENT_SIZE = { ipv4: 32, ipv6: 64 };

/** Checks who may talk to a gateway: `Host`, `Origin`, TLS, proxies. */
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

  /** Whether pages of this origin may connect. */
  allowsOrigin(origin: string | undefined): boolean {
    // rule: origin-missing
    if (origin === undefined) return this.#allowMissingOrigin;
    // rule: origin-exact
    return this.#origins.has(origin);
  }

  /** Who makes a request. */
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

  /** Returns why the request is refused; `undefined` if it is not. */
  refusal({ headers }: IncomingMessage, { origin, isSecure, remoteAddress }: Requester): Refusal | undefined {
    const host = headers.host?.toLowerCase();
    // rule: host-header
    if (host === undefined || !this.#hosts.has(host))
      return { reason: "host", status: 421, detail: `Host is ${host ?? "missing"}; name it in \`hosts\`` };
    if (!this.allowsOrigin(origin))
      return { reason: "origin", status: 403, detail: `Origin is ${origin ?? "missing"}; name it in \`origins\`` };
    // rule: secure-transport
    if (!isSecure && !this.#allowInsecure && addressScope(remoteAddress) !== "machine")
      return { reason: "insecure", status: 403, detail: "not over TLS, and not from this machine" };
    return undefined;
  }

  /** The last address that is not a trusted proxy's: what stands before it, anyone can write. */
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
