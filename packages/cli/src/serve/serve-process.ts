import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import type { NodeSession, SessionExit } from "@nacre/node";

/** Time between SIGHUP and SIGKILL, in milliseconds. */
export const HANGUP_GRACE = 2000;

/** Program to run for a session. */
export interface Program {
  readonly file: string;
  readonly words: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Runs a program in its own process group, connected to the session by pipes. Its process ID is in `processes` while it runs. Resolves
 * with its exit; rejects if it cannot be started.
 */
export async function runWithPipes(
  session: NodeSession,
  program: Program,
  processes: Set<number>,
): Promise<SessionExit> {
  const { file, words, cwd, env } = program;
  const child = spawn(file, words, { cwd, env, stdio: "pipe", detached: true });
  await once(child, "spawn");
  const pid = child.pid!;
  processes.add(pid);
  const group = new ProcessGroup(pid, session);
  const outputs = [child.stdout, child.stderr];
  child.once("exit", () => {
    group.ended();
    processes.delete(pid);
    // Its descendants may keep the pipes open, but no client is left to read their output.
    if (session.signal.aborted) for (const output of outputs) output.destroy();
  });
  session.signal.addEventListener("abort", () => {
    child.stdin.destroy();
    // Keep reading and discard: a closed pipe could kill a program that prints while it cleans up after SIGHUP.
    for (const output of outputs) output.unpipe().resume();
    if (child.exitCode !== null || child.signalCode !== null) for (const output of outputs) output.destroy();
  });

  // If the child stops reading, discard the client's input: unread data would block the channel.
  child.stdin.on("error", () => session.stdin.destroy());
  // Only a real EOF ends the child's input: truncated input must not look complete.
  session.stdin.pipe(child.stdin);
  // The exit status must come before EOF: some clients (dbclient) disconnect at EOF.
  child.stdout.pipe(session.stdout, { end: false });
  child.stderr.pipe(session.stderr, { end: false });
  const [status, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return signal === null ? { status: status ?? 0 } : { signal: signal.slice("SIG".length) };
}

/**
 * Process group of a session. Forwards the client's signals to it, except to a forced command or a subsystem; when the client is gone,
 * sends SIGHUP and later SIGKILL. Sends nothing after the first process has ended, because the system may then reuse the group's ID.
 */
export class ProcessGroup {
  readonly #pid: number;
  readonly #over = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(pid: number, session: NodeSession) {
    this.#pid = pid;
    // Like sshd: only the commands that a client chose take its signals.
    if (!session.forced && session.kind !== "subsystem")
      session.onSignal = (name) => {
        if (CLIENT_SIGNALS.has(name)) this.#send(`SIG${name}` as NodeJS.Signals);
      };
    const hangUp = (): void => {
      this.#send("SIGHUP");
      this.#timer = setTimeout(() => this.#send("SIGKILL"), HANGUP_GRACE);
    };
    session.signal.addEventListener("abort", hangUp, { once: true, signal: this.#over.signal });
    if (session.signal.aborted) hangUp();
  }

  /** Stops signalling. Call when the first process has ended. */
  ended(): void {
    this.#over.abort();
    clearTimeout(this.#timer);
  }

  #send(signal: NodeJS.Signals): void {
    if (this.#over.signal.aborted) return;
    try {
      process.kill(-this.#pid, signal);
    } catch {
      // The process has just ended; its exit is reported separately.
    }
  }
}

/** Signals a client may send (RFC 4254 §6.9), if this system has them. */
const CLIENT_SIGNALS: ReadonlySet<string> = new Set(
  ["ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2"].filter(
    (name) => `SIG${name}` in constants.signals,
  ),
);
