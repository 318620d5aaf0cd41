import { SshError } from "@nacre/wire";
import { leaveUncaught } from "../../mux/engine.ts";

/** An open or opening connection. Each has its own signal, because Node warns of many listeners on one. */
interface HeldConnection {
  /** Aborts when the SSH connection ends. */
  readonly over: AbortController;
  /** Resolves when nothing of it is left. */
  released: Promise<void>;
}

/** The forwarded connections of one client, in both directions, including those being opened. */
export class HeldConnections {
  readonly #maxConnections: number;
  readonly #connections = new Set<HeldConnection>();
  /** The error that ended the SSH connection. */
  #end: SshError | undefined;

  constructor(maxConnections: number) {
    this.#maxConnections = maxConnections;
  }

  /** Returns the reason to refuse one more connection, or `undefined`. */
  get limit(): SshError | undefined {
    if (/* rule: forwarded-connections */ this.#connections.size < this.#maxConnections) return undefined;
    return new SshError(
      "forward-limit",
      `the limit of ${this.#maxConnections} forwarded connections is reached (\`maxForwardedConnections\`)`,
    );
  }

  /** Counts a connection until `carry` settles. */
  hold(carry: (signal: AbortSignal) => Promise<void>): void {
    const held: HeldConnection = { over: new AbortController(), released: Promise.resolve() };
    if (this.#end !== undefined) held.over.abort(this.#end);
    this.#connections.add(held);
    held.released = carry(held.over.signal)
      .catch(leaveUncaught)
      .then(() => void this.#connections.delete(held));
  }

  /** Ends all connections after the SSH connection has ended. Resolves when they are released. */
  async closed(error: SshError): Promise<void> {
    this.#end = error;
    const connections = [...this.#connections];
    for (const { over } of connections) over.abort(error);
    await Promise.all(connections.map(({ released }) => released));
  }
}
