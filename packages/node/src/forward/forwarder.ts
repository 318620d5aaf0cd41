import { SshError } from "@nacre/wire";
import type { Opener, RemoteListeners } from "nacre/internal";
import type { Forward } from "./forward.ts";

/** A mux that knows whether its connection has ended. */
export interface ForwarderMux extends Opener {
  readonly engine: { readonly over: SshError | undefined };
}

/** What forwarding needs of a client, and its open forwards. */
export class Forwarder {
  readonly mux: ForwarderMux;
  readonly #listeners: () => RemoteListeners;
  readonly #forwards: Set<Forward> = new Set();

  /** `ended`: resolves when the SSH connection has ended. */
  constructor(mux: ForwarderMux, listeners: () => RemoteListeners, ended: Promise<SshError>) {
    this.mux = mux;
    this.#listeners = listeners;
    void ended.then(() => {
      for (const forward of this.#forwards) void forward.close();
    });
  }

  /** Listeners at the server. */
  get listeners(): RemoteListeners {
    return this.#listeners();
  }

  /** The error that ended the connection, from the turn in which it ended. */
  get over(): SshError | undefined {
    return this.mux.engine.over;
  }

  /** Throws `closed` after the end of the connection. */
  assertAlive(): void {
    const cause = this.over;
    if (cause !== undefined) throw new SshError("closed", `the connection has ended: ${cause.message}`, { cause });
  }

  /** Closes a forward with the connection. */
  hold(forward: Forward): void {
    this.#forwards.add(forward);
  }

  /** Takes `hold` back. */
  release(forward: Forward): void {
    this.#forwards.delete(forward);
  }
}
