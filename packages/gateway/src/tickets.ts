import { createHash, randomBytes } from "node:crypto";
import { SshError } from "@nacre/wire";
import type { Ticket, TicketGrant } from "./options.ts";
import type { TicketStore } from "./ticket-store.ts";
import { withTimeout } from "./with-timeout.ts";

/** Origin, destination and HTTP session of a WebSocket that uses a ticket. */
type TicketUse = Omit<TicketGrant, "user">;

/**
 * Issues, revokes and redeems the tickets in a store. If the store fails, methods reject with its `SshError`, or with `gateway-refused` if
 * it has another error; with `connect-timeout` if it does not answer.
 */
export class Tickets {
  readonly #store: TicketStore;
  readonly #time: number;
  readonly #storeTimeout: number;

  constructor(store: TicketStore, limits: { readonly ticketTime: number; readonly storeTimeout: number }) {
    this.#store = store;
    this.#time = limits.ticketTime;
    this.#storeTimeout = limits.storeTimeout;
  }

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
    const grant = await this.#bounded(async () => parseGrant(await this.#store.take(keyOf(ticket))));
    if (grant === undefined) return "unknown, used or expired";
    // rule: ticket-origin
    if (grant.origin !== use.origin) return "issued for another origin";
    // rule: ticket-destination
    if (grant.host !== use.host || grant.port !== use.port) return "issued for another destination";
    // rule: ticket-session
    if (grant.session !== undefined && grant.session !== use.session) return "issued for another session";
    return grant;
  }

  async #bounded<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await withTimeout(run(), this.#storeTimeout, "the ticket store");
    } catch (cause) {
      if (cause instanceof SshError) throw cause;
      // The message may contain a secret, such as a ticket's grant or the password in the store's URL.
      const code = (cause as NodeJS.ErrnoException | undefined)?.code;
      throw new SshError("gateway-refused", `the ticket store failed${code ? `: ${code}` : ""}`, { cause });
    }
  }
}

function parseGrant(value: string | undefined): TicketGrant | undefined {
  return value === undefined ? undefined : (JSON.parse(value) as TicketGrant);
}

/** Returns the key of a ticket in the store. */
function keyOf(ticket: string): string {
  return createHash("sha256").update(ticket).digest("hex");
}
