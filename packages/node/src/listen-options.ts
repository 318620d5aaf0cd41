import type { ServeOptions, ServerEvent, SshError } from "nacre/parts";
import type { CryptoChoice } from "./crypto/private-key.ts";
import type { NodeSession } from "./session.ts";

/** When connections that nobody has logged in over yet become too many (sshd_config(5), MaxStartups). */
export interface RandomEarlyDrop {
  /** From so many on, a new one is dropped with a probability of `rate` percent, */
  readonly start: number;
  readonly rate: number;
  /** which grows evenly to certainty at so many. */
  readonly full: number;
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
  /** Aborting ends the server and all its connections at once. */
  readonly signal?: AbortSignal | undefined;
  /** Hears what happens. What it throws is dropped. Texts of clients' are raw: escape them before showing them. */
  readonly log?: ((event: ListenEvent) => void) | undefined;
}

/** What happened, for a log: on which connection (they are counted from 1), and from where. */
export type ListenEvent =
  | ({ readonly connection: number; readonly remoteAddress: string; readonly remotePort: number } & (
      | ServerEvent
      | { readonly type: "connected" }
      /** It was not served: there are too many. */
      | { readonly type: "dropped"; readonly reason: "max-connections" | "max-unauthenticated" }
    ))
  /** The system could not hand over a connection, for want of file descriptors perhaps. The server goes on. */
  | { readonly type: "accept-failed"; readonly error: SshError };
