import { SshError } from "@nacre/wire";
import type { LoggedIn } from "../users/client/client.ts";

/** A call that waits for a connection. Exactly one method is called. */
export interface WaitingCall {
  run(connection: LoggedIn): void;
  fail(error: SshError): void;
}

/** Maximum number of calls that wait. */
const MAX_CALLS = 256;

/** Calls made while there is no connection, in their order. */
export class WaitingCalls {
  /** The waiting calls, with the function that stops the timer of each. */
  readonly #calls = new Map<WaitingCall, () => void>();

  /** Lets a call wait for at most `maxWait` milliseconds. It fails at once if too many wait. Returns a function that forgets the call. */
  add(call: WaitingCall, maxWait: number): () => void {
    const give = (why: string): void =>
      call.fail(new SshError("connection-lost", `the connection is lost, and ${why}`));
    // rule: reconnect-waiting-calls
    if (this.#calls.size >= MAX_CALLS) {
      give(`${MAX_CALLS} calls wait for it already`);
      return () => {};
    }
    const forget = (): void => {
      this.#calls.get(call)?.();
      this.#calls.delete(call);
    };
    const expire = (): void => {
      forget();
      give(`was not made again within ${maxWait / 1000} s`);
    };
    const timer = maxWait === Number.POSITIVE_INFINITY ? undefined : setTimeout(expire, maxWait);
    this.#calls.set(call, () => clearTimeout(timer));
    return forget;
  }

  /** Runs all calls on a connection. */
  run(connection: LoggedIn): void {
    for (const call of this.#take()) call.run(connection);
  }

  /** Fails all calls. */
  fail(makeError: () => SshError): void {
    for (const call of this.#take()) call.fail(makeError());
  }

  #take(): readonly WaitingCall[] {
    const calls = [...this.#calls];
    this.#calls.clear();
    for (const [, stop] of calls) stop();
    return calls.map(([call]) => call);
  }
}
