import { SshError } from "@nacre/wire";
import type { Opener, RemoteListeners } from "nacre/parts";
import type { Forward } from "./forward.ts";

/** What forwarding needs of a client, and its open forwards. */
export class Forwarder {
  readonly mux: Opener;
  readonly #listeners: () => RemoteListeners;
  readonly #forwards: Set<Forward> = new Set();
  #over: SshError | undefined;

  /** `ended`: resolves when the SSH connection has ended. */
  constructor(mux: Opener, listeners: () => RemoteListeners, ended: Promise<SshError>) {
    this.mux = mux;
    this.#listeners = listeners;
    void ended.then((error) => {
      this.#over = error;
      for (const forward of this.#forwards) void forward.close();
    });
  }

  /** Listeners at the server. */
  get listeners(): RemoteListeners {
    return this.#listeners();
  }

  /** Throws `closed` after the end of the connection. */
  assertAlive(): void {
    const cause = this.#over;
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
