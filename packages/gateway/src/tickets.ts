import { createHash, randomBytes } from "node:crypto";
import type { Ticket, TicketGrant } from "./options.ts";
import type { TicketStore } from "./ticket-store.ts";
import { withTimeout } from "./with-timeout.ts";

/** What a WebSocket shows with its ticket. */
type TicketUse = Omit<TicketGrant, "user">;

/** Issues tickets and takes them back, over any store. */
export class Tickets {
  readonly #store: TicketStore;
  readonly #time: number;
  readonly #storeTimeout: number;

  constructor(store: TicketStore, limits: { readonly ticketTime: number; readonly storeTimeout: number }) {
    this.#store = store;
    this.#time = limits.ticketTime;
    this.#storeTimeout = limits.storeTimeout;
  }

  /** Rejects as the store does, and with `connect-timeout`. */
  async issue({ origin, host, port, session, user }: TicketGrant): Promise<Ticket> {
    const ticket = randomBytes(32).toString("base64url");
    const value = JSON.stringify({ origin, host, port, session, user });
    await this.#bounded(async () => this.#store.put(keyOf(ticket), value, this.#time));
    return { ticket, expiresIn: this.#time };
  }

  async revoke(ticket: string): Promise<void> {
    await this.#bounded(async () => this.#store.delete(keyOf(ticket)));
  }

  /** Uses a ticket up. Returns what it was issued for, or why it is refused. */
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

/** Key of a ticket in the store. */
function keyOf(ticket: string): string {
  return createHash("sha256").update(ticket).digest("hex");
}
