import { SshError } from "@nacre/wire";
import type { Channel } from "../../mux/channel.ts";
import type { Opener } from "../../mux/open-channel.ts";
import { abortedError, onAbort } from "../../on-abort.ts";
import type { SessionOpenOptions, SessionSource } from "../client/client.ts";
import { openSession } from "./open-session.ts";

/** Milliseconds that a refused session waits for the ends of others. */
const QUEUE_TIME = 60_000;

/**
 * Opens the sessions of a client. If the server refuses one while others are open, it probably limits their number (`MaxSessions` of sshd).
 * The session then waits until another one ends.
 */
export class SessionOpener implements SessionSource {
  readonly #mux: Opener;
  /** Session channel opened together with the login, until its first use. */
  #early: Promise<Channel> | undefined;
  /** Number of open sessions. */
  #open = 0;
  /** Whether a session has ended. */
  #hasEnded = false;
  /** Wakes the calls that wait for the end of a session, in their order. */
  readonly #waiting: (() => void)[] = [];

  constructor(mux: Opener, early: Promise<Channel> | undefined) {
    this.#mux = mux;
    this.#early = early;
  }

  /**
   * Opens a session, or returns the one that was opened with the login. Rejects as `openChannel` does, and with
   * `aborted` while it waits.
   */
  async open({ signal, queue = true }: SessionOpenOptions): Promise<Channel> {
    const deadline = performance.now() + QUEUE_TIME;
    // A new call does not overtake those that wait.
    let waits = queue && this.#waiting.length > 0;
    for (;;) {
      if (waits && !(await this.#sessionEnd(deadline, signal))) return this.#openNow();
      try {
        return await this.#openOnceFree();
      } catch (error) {
        waits = queue && isRefusal(error) && this.#open > 0;
        if (waits) continue;
        if (this.#open === 0) this.#wake();
        throw error;
      }
    }
  }

  /**
   * Opens a session, at the second attempt if one has ended before: sshd handles all packets that it has read before it
   * frees a session.
   */
  async #openOnceFree(): Promise<Channel> {
    try {
      return await this.#openNow();
    } catch (error) {
      if (!isRefusal(error) || !this.#hasEnded) throw error;
      return this.#openNow();
    }
  }

  async #openNow(): Promise<Channel> {
    const early = this.#early;
    this.#early = undefined;
    let channel = await (early ?? openSession(this.#mux));
    // The login's session, or the whole connection, may have ended before its first use.
    if (early !== undefined && channel.closed) channel = await openSession(this.#mux);
    this.#open++;
    void channel.ended.then(() => {
      this.#open--;
      this.#hasEnded = true;
      this.#wake();
    });
    return channel;
  }

  /** Lets the first waiting call try again. If no session is open, the call wakes the next one when it fails. */
  #wake(): void {
    this.#waiting.shift()?.();
  }

  /**
   * Resolves with true when a session has ended and this call is the first that waits, with false at the deadline.
   * Rejects with `aborted`.
   */
  #sessionEnd(deadline: number, signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let unwatch: (() => void) | undefined;
      const leave = (): void => {
        clearTimeout(timer);
        unwatch?.();
        const place = this.#waiting.indexOf(wake);
        if (place >= 0) this.#waiting.splice(place, 1);
      };
      const wake = (): void => {
        leave();
        resolve(true);
      };
      const timer = setTimeout(() => {
        leave();
        resolve(false);
      }, deadline - performance.now());
      this.#waiting.push(wake);
      unwatch =
        signal &&
        onAbort(signal, () => {
          leave();
          reject(abortedError("waiting for a session", signal));
        });
    });
  }
}

/** Whether the server refused to open the channel. */
function isRefusal(error: unknown): boolean {
  return error instanceof SshError && error.code === "channel-open-failed";
}
