import { setTimeout as after } from "node:timers/promises";
import type { SshServer } from "@nacre/node";
import { endProcesses } from "./process-tree.ts";
import type { ServeEvent } from "./serve-log.ts";
import { HANGUP_GRACE } from "./serve-process.ts";

/** Milliseconds that running sessions have to end after the server's signal to stop. */
const STOP_GRACE = 30_000;
/** How long clients have to take the last output, and the way their sessions ended: milliseconds. */
const DELIVERY_GRACE = 1000;
/** How long sessions may take to settle once their connections are closed, in milliseconds: a process may be stuck in the system. */
const LAST_WAIT = 3000;

/** What a server that stops has to end. */
export interface Running {
  /** The first process of each session. */
  readonly processes: ReadonlySet<number>;
  /** The sessions; each settles when its processes are gone and its output is delivered. */
  readonly sessions: ReadonlySet<Promise<unknown>>;
}

/**
 * Waits until the server is closed, and ends it and what it runs by signals. SIGINT and SIGTERM let sessions end for `grace`
 * milliseconds, and hang up what still runs then; a second one kills it at once. SIGHUP hangs up what runs at once: the terminal that
 * could send a second signal has gone. What is hung up and does not end is killed two seconds later.
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
    // Longer than `end` takes, which closes it earlier.
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
  // Not before: until here a second signal may still come.
  for (const signal of SIGNALS) process.off(signal, stop);
}

const SIGNALS = [/* rule: stop-on-hangup */ "SIGHUP", "SIGINT", "SIGTERM"] as const;
