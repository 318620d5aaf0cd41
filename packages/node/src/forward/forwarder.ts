import type { SshError } from "@nacre/wire";
import { afterEnd, type Opener, type RemoteListeners } from "nacre/extend";
import type { Forward } from "./forward.ts";

/** A channel opener with the state of its connection. */
export interface ForwarderMux extends Opener {
  readonly engine: {
    /** The error that ended the connection. */
    readonly over: SshError | undefined;
    /** Sends pending output now. */
    turn(): void;
  };
}

/** A client's connection and its open forwards. */
export class Forwarder {
  readonly mux: ForwarderMux;
  readonly #listeners: () => RemoteListeners;
  readonly #forwards: Set<Forward> = new Set();

  /** `ended` resolves when the SSH connection has ended. */
  constructor(mux: ForwarderMux, listeners: () => RemoteListeners, ended: Promise<SshError>) {
    this.mux = mux;
    this.#listeners = listeners;
    void ended.then(() => {
      for (const forward of this.#forwards) void forward.close();
    });
  }

  /** Listeners on the server. */
  get listeners(): RemoteListeners {
    return this.#listeners();
  }

  /** Error that ended the connection, set as soon as it ends; `undefined` while it is open. */
  get over(): SshError | undefined {
    return this.mux.engine.over;
  }

  /** After the end of the connection, throws a new error with its code. */
  assertAlive(): void {
    if (this.over !== undefined) throw afterEnd(this.over);
  }

  /** Registers a forward to be closed with the connection. */
  hold(forward: Forward): void {
    this.#forwards.add(forward);
  }

  /** Removes a forward registered with `hold`. */
  release(forward: Forward): void {
    this.#forwards.delete(forward);
  }
}
