import { SshError } from "@nacre/wire";
import type { LoggedIn } from "../users/client/client.ts";

/** Milliseconds between two looks at the clock. */
const INTERVAL = 10_000;

/** Milliseconds that a timer must be late to show that the machine slept. */
const LATE = 20_000;

/** Milliseconds for an answer after the machine slept. */
const ANSWER_TIME = 5000;

/**
 * Probes the server when the machine has slept: the connection is probably dead, and keepalives would find out a minute later. Returns a
 * function that stops this. Uses the time of day, because a monotonic clock may stand still meanwhile.
 */
export function watchSleep({ driver }: LoggedIn): () => void {
  let due = Date.now() + INTERVAL;
  let answerTimer: ReturnType<typeof setTimeout> | undefined;
  const answered = (): void => {
    clearTimeout(answerTimer);
    answerTimer = undefined;
  };
  const unanswered = (): void =>
    void driver.close(
      new SshError(
        "keepalive-timeout",
        `the server has not answered within ${ANSWER_TIME / 1000} s after this machine slept`,
      ),
    );
  const ticking = setInterval(() => {
    const late = Date.now() - due;
    due = Date.now() + INTERVAL;
    if (late < LATE || answerTimer !== undefined || driver.mux.engine.over !== undefined) return;
    answerTimer = setTimeout(unanswered, ANSWER_TIME);
    try {
      driver.mux.globalRequest("keepalive@openssh.com", new Uint8Array(), answered);
    } catch {
      // So many requests wait for an answer that the server is dead or busy. The keepalive decides.
      answered();
    }
  }, INTERVAL);
  return () => {
    clearInterval(ticking);
    answered();
  };
}
