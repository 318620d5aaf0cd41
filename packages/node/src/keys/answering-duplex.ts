import { setImmediate } from "node:timers/promises";
import type { Bytes, SshError } from "@nacre/wire";
import type { Duplex, DuplexHandler } from "nacre/extend";

/** An agent in this process, as one connection sees it. */
export interface AgentSide {
  /** Takes bytes of the client. Returns whether there is room for more. */
  receive(bytes: Uint8Array): boolean;
  /** Handles the next request and returns the bytes of its answer, or `undefined` if no request is complete. */
  next(): Promise<Uint8Array | undefined>;
  /** Releases everything, at once. */
  close(): void;
}

/**
 * A byte connection to an agent in this process. One request is handled in a round of the event loop, and none while the client does not
 * take its answers.
 * A rejection of `next` ends the connection.
 */
export class AnsweringDuplex implements Duplex {
  readonly #side: AgentSide;
  #handler: DuplexHandler | undefined;
  #resumed: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #isBusy = false;
  /** Whether bytes arrived since the side was last asked for an answer. */
  #hasInput = false;
  #isFull = false;
  #hasEnded = false;
  #isOver = false;

  constructor(side: AgentSide) {
    this.#side = side;
  }

  open(handler: DuplexHandler): void {
    this.#handler = handler;
  }

  write(pieces: readonly Bytes[]): boolean {
    for (const piece of pieces) if (!this.#isOver) this.#isFull = !this.#side.receive(piece);
    this.#hasInput = true;
    void this.#work();
    return !this.#isFull;
  }

  pause(): void {
    if (this.#resumed !== undefined) return;
    let resolve!: () => void;
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    this.#resumed = { promise, resolve };
  }

  resume(): void {
    this.#resumed?.resolve();
    this.#resumed = undefined;
  }

  async end(): Promise<void> {
    this.#hasEnded = true;
    void this.#work();
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.resume();
    this.#side.close();
  }

  /** Ends the connection from the agent's side. */
  async stop(reason: SshError): Promise<void> {
    if (this.#isOver) return;
    this.#handler?.failed(reason);
    await this.close();
  }

  async #work(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      while (!this.#isOver) {
        await this.#resumed?.promise;
        // Lets other connections work: a signature may take milliseconds.
        await setImmediate();
        this.#hasInput = false;
        const answer = await this.#side.next();
        // Bytes may arrive between the side's "no request" and here.
        if (answer === undefined && this.#hasInput) continue;
        if (this.#isOver || answer === undefined) break;
        this.#handler?.data(answer);
        if (!this.#isFull) continue;
        this.#isFull = !this.#side.receive(new Uint8Array(0));
        if (!this.#isFull) this.#handler?.drained();
      }
      if (this.#hasEnded && !this.#isOver) {
        this.#handler?.ended();
        await this.close();
      }
    } catch (cause) {
      if (!this.#isOver) this.#handler?.failed(cause);
      await this.close();
    } finally {
      this.#isBusy = false;
    }
  }
}

/** Passes the bytes of two byte connections to each other, until both have ended or one breaks. Closes both then. */
export function joinDuplexes(one: Duplex, other: Duplex, closed: () => void): void {
  let open = 2;
  const close = (): void => {
    open = 0;
    void Promise.all([one.close(), other.close()]).then(closed);
  };
  const handlerOf = (own: Duplex, peer: Duplex): DuplexHandler => ({
    data(chunk) {
      if (!peer.write([chunk.slice()])) own.pause();
    },
    // The bytes written to `own` came from the peer.
    drained: () => peer.resume(),
    ended() {
      void peer.end();
      if (--open === 0) close();
    },
    failed() {
      if (open > 0) close();
    },
  });
  other.open(handlerOf(other, one));
  one.open(handlerOf(one, other));
}
