import { setTimeout as after } from "node:timers/promises";
import type { SshServer } from "@nacre/node";
import { endProcesses } from "./process-tree.ts";
import type { ServeEvent } from "./serve-log.ts";
import { HANGUP_GRACE } from "./serve-process.ts";

/** How long running sessions have to end once the server is told to stop: milliseconds. */
const STOP_GRACE = 30_000;
/** How long the ends of killed processes may take to be told, in milliseconds: one that the system cannot end must not hold up the server. */
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
    ending ??= endProcesses(running.processes, HANGUP_GRACE, kill.signal).then(() => server.close());
  };
  let isStopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) {
      kill.abort();
      end();
      return;
    }
    isStopping = true;
    log({
      type: "stopping",
      signal,
      sessions: server.connections.reduce((sum, { sessionCount }) => sum + sessionCount, 0),
    });
    // Longer than what ends the sessions here takes.
    void server.close({ grace: grace + 2 * HANGUP_GRACE });
    if (signal === "SIGHUP") end();
    else timer = setTimeout(end, grace);
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  await server.closed;
  clearTimeout(timer);
  await ending;
  await Promise.race([
    Promise.allSettled(running.sessions),
    after(LAST_WAIT + HANGUP_GRACE, undefined, { ref: false }),
  ]);
  // Not before: until here a second signal may still come.
  for (const signal of SIGNALS) process.off(signal, stop);
}

const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;
