import type { Overrides } from "@nacre/wire";
import type { ServeOptions, ServerEvent, ServerLimits, SshError } from "nacre/internal";
import type { CryptoChoice } from "./crypto/private-key.ts";
import type { NodeSession } from "./session.ts";
import type { Penalties } from "./sources.ts";

/** When connections that nobody has logged in over yet become too many (sshd_config(5), MaxStartups). */
export interface RandomEarlyDrop {
  /** From so many on, a new one is dropped with a probability of `rate` percent, */
  readonly start: number;
  readonly rate: number;
  /** which grows evenly to certainty at so many. */
  readonly full: number;
}

/**
 * What one source may do before it logs in. A source is an address, or a network of the size below. Times are milliseconds. All
 * connections through a proxy, a gateway or a NAT come from one source: make a proxy's address exempt.
 */
export interface PerSourceOptions {
  /**
   * Connections of one source at once without a login, as sshd's PerSourceMaxStartups; one more is dropped. Default half of
   * `maxUnauthenticated.full`, 50, and at least `maxUnauthenticated.start`.
   */
  readonly maxUnauthenticated?: number | undefined;
  /**
   * Leading bits of an address that name its source, as sshd's PerSourceNetBlockSize. Default 32 for IPv4, and 64 for IPv6 where sshd has
   * 128: one IPv6 customer has 2⁶⁴ addresses or more.
   */
  readonly netBlockSize?: { readonly ipv4?: number | undefined; readonly ipv6?: number | undefined } | undefined;
  /**
   * A source whose connections end without a login is refused for a time, as by sshd's PerSourcePenalties. Defaults, as there: `authFail`
   * 5,000 after a refused login, `noAuth` 1,000 without one, `graceExceeded` 10,000 after `loginGraceTime`; they add up, count from
   * `min` 15,000 on, and are never longer than `max` 600,000. `false`: none.
   */
  readonly penalties?: { readonly [K in keyof Penalties]?: number | undefined } | false | undefined;
  /** The longest delay of the answer to a failed login: 100 for the first of a source, then twice as long each. 0: none. Default 2,000. */
  readonly maxFailureDelay?: number | undefined;
  /** Sources that are remembered; beyond that the one that was quiet longest is forgotten. Default 65,536, some 10 MB. */
  readonly maxSources?: number | undefined;
  /** Addresses and networks that none of this applies to: `["192.0.2.7", "2001:db8::/32"]`. Default none. */
  readonly exempt?: readonly string[] | undefined;
}

/** What `listen` needs to know. Whatever is not allowed here is refused. */
export interface ListenOptions extends Omit<ServeOptions<NodeSession>, "remoteAddress" | "log"> {
  /** TCP port; 0 for one that is free. */
  readonly port: number;
  /** The address to listen at; `"127.0.0.1"` by default: this machine alone. `"::"` is every address. */
  readonly host?: string | undefined;
  /**
   * What does the cryptography: `"node"`, node:crypto, by default; `"noble"` is the portable code that browsers run, several times
   * slower. `algorithms`, where given, are used as they are.
   */
  readonly crypto?: CryptoChoice | undefined;
  /** Connections at once; one more is dropped. No bound by default, but for `maxUnauthenticated`. */
  readonly maxConnections?: number | undefined;
  /** Connections at once that nobody has logged in over: `{ start: 10, rate: 30, full: 100 }` by default. */
  readonly maxUnauthenticated?: RandomEarlyDrop | undefined;
  /**
   * Bounds for each source address before login: connections at once, penalties for those that end without a login, a delay after a
   * failed one. On by default; `false` turns them off, as behind a proxy that hides where clients are.
   */
  readonly perSource?: PerSourceOptions | false | undefined;
  /**
   * Bounds, where the defaults do not suit. Unlike with `serve`, `keepaliveInterval` is 0 by default: clients that read only when they are
   * called do not answer. TCP's own keepalive is on, as with sshd's TCPKeepAlive: it finds a client that vanished after two hours of silence.
   */
  readonly limits?: Overrides<ServerLimits> | undefined;
  /** Aborting ends the server and all its connections at once. */
  readonly signal?: AbortSignal | undefined;
  /** Receives each event. Its exceptions are ignored. Texts of clients are raw: escape them before showing them. */
  readonly log?: ((event: ListenEvent) => void) | undefined;
}

/** What happened, for a log: on which connection (they are counted from 1), and from where. */
export type ListenEvent =
  | ({ readonly connection: number; readonly remoteAddress: string; readonly remotePort: number } & (
      | ServerEvent
      | { readonly type: "connected" }
      /** It was not served. */
      | {
          readonly type: "dropped";
          /** `max-per-source`: too many of its source have not logged in. `penalty`: earlier ones of its source ended without a login. */
          readonly reason: "max-connections" | "max-unauthenticated" | "max-per-source" | "penalty";
        }
    ))
  /** The system could not hand over a connection, for want of file descriptors perhaps. The server goes on. */
  | { readonly type: "accept-failed"; readonly error: SshError };
