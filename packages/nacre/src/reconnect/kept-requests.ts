import type { KeptHandle, KeptRequest, LoggedIn } from "../users/client/client.ts";
import type { Delays } from "./delays.ts";
import type { ReconnectEvent } from "./options.ts";

interface Entry {
  readonly request: KeptRequest;
  /** Connection whose server has the request, or is asked; `undefined` while it waits to be asked again. */
  askedOn: LoggedIn | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** Global requests that each new connection needs, such as those for listeners on the server. */
export class KeptRequests {
  readonly #entries = new Set<Entry>();
  readonly #makeDelays: () => Delays;
  readonly #report: (event: ReconnectEvent) => void;

  constructor(makeDelays: () => Delays, report: (event: ReconnectEvent) => void) {
    this.#makeDelays = makeDelays;
    this.#report = report;
  }

  /** Keeps a request that was granted on a connection. */
  add(request: KeptRequest, connection: LoggedIn | undefined): KeptHandle {
    const entry: Entry = { request, askedOn: connection, timer: undefined };
    this.#entries.add(entry);
    return () => {
      this.#entries.delete(entry);
      clearTimeout(entry.timer);
      return entry.askedOn !== undefined && entry.askedOn.driver.mux.engine.over === undefined;
    };
  }

  /** Forgets the answers of a connection that has ended, and stops asking on it. */
  lose(): void {
    for (const entry of this.#entries) {
      clearTimeout(entry.timer);
      entry.askedOn = undefined;
      entry.request.onLost();
    }
  }

  /** Sends all requests on a new connection. */
  renew(connection: LoggedIn): void {
    for (const entry of this.#entries) this.#ask(entry, connection, this.#makeDelays());
  }

  /** Asks until the server grants the request. It may still hold a port for the lost connection. */
  #ask(entry: Entry, connection: LoggedIn, delays: Delays): void {
    const { name, data, address } = entry.request;
    const { mux } = connection.driver;
    if (mux.engine.over !== undefined) return;
    entry.askedOn = connection;
    const refused = (): void => {
      entry.askedOn = undefined;
      const delay = delays.next();
      this.#report({ type: "listen-retry", delay, ...address });
      // The handler may have closed the listener.
      if (this.#entries.has(entry)) entry.timer = setTimeout(() => this.#ask(entry, connection, delays), delay);
    };
    try {
      mux.globalRequest(name, data, (reply) => {
        if (entry.askedOn !== connection || !this.#entries.has(entry)) return;
        if (reply.success) this.#report({ type: "listening", ...address });
        else if (reply.error === undefined) refused();
      });
    } catch {
      // Too many requests wait for an answer.
      refused();
    }
  }
}
