import { setTimeout as after } from "node:timers/promises";
import type { SshServer } from "@nacre/node";
import { endProcesses } from "./process-tree.ts";
import type { ServeEvent } from "./serve-log.ts";
import { HANGUP_GRACE } from "./serve-process.ts";

/** Time for sessions to end after SIGINT or SIGTERM, in milliseconds. */
const STOP_GRACE = 30_000;
/** Time for clients to receive the last output and the exit status, in milliseconds. */
const DELIVERY_GRACE = 1000;
/** Time for sessions to settle after the server is closed, in milliseconds. Bounded because a process may hang in the kernel. */
const LAST_WAIT = 3000;

/** Processes and sessions that a stopping server must end. */
export interface Running {
  /** Process ID of the first process of each session. */
  readonly processes: ReadonlySet<number>;
  /** Running sessions. Each promise settles when its processes have ended and its output is delivered. */
  readonly sessions: ReadonlySet<Promise<unknown>>;
}

/**
 * Waits until the server is closed, and closes it on SIGINT, SIGTERM or SIGHUP. After SIGINT or SIGTERM, sessions have `grace`
 * milliseconds to end; their processes then get SIGHUP. A second signal sends SIGKILL immediately. SIGHUP hangs up the processes
 * immediately, because the terminal that could send a second signal is gone. Processes still running two seconds after SIGHUP get SIGKILL.
 */
export async function untilStopped(
  server: Pick<SshServer, "connections" | "close" | "closed">,
  running: Running,
  log: (event: ServeEvent) => void,
  grace: number = STOP_GRACE,
): Promise<void> {
  const kill = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ending: Promise<void> | undefined;
  const end = (): void => {
    clearTimeout(timer);
    ending ??= endProcesses(running.processes, HANGUP_GRACE, kill.signal)
      .then(() => Promise.race([server.closed, after(DELIVERY_GRACE)]))
      .then(() => server.close());
  };
  let isStopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) {
      // rule: second-signal-kills
      kill.abort();
      // rule: second-signal-ends
      end();
      return;
    }
    isStopping = true;
    log({
      type: "stopping",
      signal,
      sessions: server.connections.reduce((sum, { sessionCount }) => sum + sessionCount, 0),
    });
    // Longer than `end` takes, so that `end` closes the server first.
    void server.close({ grace: grace + HANGUP_GRACE + 2 * DELIVERY_GRACE });
    if (signal === "SIGHUP") end();
    // rule: stop-grace
    else timer = setTimeout(end, grace);
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  await server.closed;
  clearTimeout(timer);
  await ending;
  await Promise.race([Promise.allSettled(running.sessions), after(LAST_WAIT)]);
  // Remove the handlers only now: a second signal is valid until here.
  for (const signal of SIGNALS) process.off(signal, stop);
}

const SIGNALS = [/* rule: stop-on-hangup */ "SIGHUP", "SIGINT", "SIGTERM"] as const;
