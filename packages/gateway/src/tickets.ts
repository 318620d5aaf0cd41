import { createHash, randomBytes } from "node:crypto";
import type { Ticket, TicketGrant } from "./options.ts";
import type { TicketStore } from "./ticket-store.ts";
import { withTimeout } from "./with-timeout.ts";

/** Origin, destination and HTTP session of a WebSocket that uses a ticket. */
type TicketUse = Omit<TicketGrant, "user">;

/** Issues, revokes and redeems the tickets in a store. */
export class Tickets {
  readonly #store: TicketStore;
  readonly #time: number;
  readonly #storeTimeout: number;

  constructor(store: TicketStore, limits: { readonly ticketTime: number; readonly storeTimeout: number }) {
    this.#store = store;
    this.#time = limits.ticketTime;
    this.#storeTimeout = limits.storeTimeout;
  }

  /** Issues a ticket. Rejects with the store's error, or with `connect-timeout` if the store does not answer. */
  async issue({ origin, host, port, session, user }: TicketGrant): Promise<Ticket> {
    const ticket = randomBytes(32).toString("base64url");
    const value = JSON.stringify({ origin, host, port, session, user });
    await this.#bounded(async () => this.#store.put(keyOf(ticket), value, this.#time));
    return { ticket, expiresIn: this.#time };
  }

  async revoke(ticket: string): Promise<void> {
    await this.#bounded(async () => this.#store.delete(keyOf(ticket)));
  }

  /** Redeems a ticket, which deletes it. Resolves to its grant, or to a text that explains the refusal. */
  async redeem(ticket: string, use: TicketUse): Promise<TicketGrant | string> {
    // rule: ticket-needed
    if (!/^[\w-]{43}$/.test(ticket)) return "no ticket";
    const value = await this.#bounded(async () => this.#store.take(keyOf(ticket)));
    if (value === undefined) return "unknown, used or expired";
    const grant = JSON.parse(value) as TicketGrant;
    // rule: ticket-origin
    if (grant.origin !== use.origin) return "issued for another origin";
    // rule: ticket-destination
    if (grant.host !== use.host || grant.port !== use.port) return "issued for another destination";
    // rule: ticket-session
    if (grant.session !== undefined && grant.session !== use.session) return "issued for another session";
    return grant;
  }

  #bounded<T>(run: () => Promise<T>): Promise<T> {
    return withTimeout(run(), this.#storeTimeout, "the ticket store");
  }
}

/** Returns the key of a ticket in the store. */
function keyOf(ticket: string): string {
  return createHash("sha256").update(ticket).digest("hex");
}
