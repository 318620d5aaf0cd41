import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import type { NodeSession, SessionExit } from "@nacre/node";

/** How long what is hung up has to end before it is killed: milliseconds. */
export const HANGUP_GRACE = 2000;

/** What to run. */
export interface Program {
  readonly file: string;
  readonly words: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Runs a program in a process group of its own, with pipes. Its number is in `processes` while it runs. Rejects when it cannot be
 * started.
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
    // What it has left behind holds the other ends perhaps, and nobody is there for what that prints.
    if (session.signal.aborted) for (const output of outputs) output.destroy();
  });
  session.signal.addEventListener("abort", () => {
    child.stdin.destroy();
    // A program that is hung up may have to print something before it has put things in order: a closed pipe would end it.
    for (const output of outputs) output.unpipe().resume();
    if (child.exitCode !== null || child.signalCode !== null) for (const output of outputs) output.destroy();
  });

  // What the child does not read is read for it: it must not be in the client's way.
  child.stdin.on("error", () => session.stdin.destroy());
  // Without an end nothing is ended here: half of an input must not look like all of it.
  session.stdin.pipe(child.stdin);
  // EOF of the output follows the status: a client with nothing more to send may disconnect at EOF (dbclient does).
  child.stdout.pipe(session.stdout, { end: false });
  child.stderr.pipe(session.stderr, { end: false });
  const [status, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return signal === null ? { status: status ?? 0 } : { signal: signal.slice("SIG".length) };
}

/**
 * The processes of a session, which get the client's signals, are hung up when it has gone, and killed when they do not end. Only
 * while the first of them lives: what it leaves behind is on its own, and then the group's number may be another's.
 */
export class ProcessGroup {
  readonly #pid: number;
  readonly #over = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(pid: number, session: NodeSession) {
    this.#pid = pid;
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

  /** The first process has ended. */
  ended(): void {
    this.#over.abort();
    clearTimeout(this.#timer);
  }

  #send(signal: NodeJS.Signals): void {
    if (this.#over.signal.aborted) return;
    try {
      process.kill(-this.#pid, signal);
    } catch {
      // It has just ended, and its exit will be reported.
    }
  }
}

/** Those of RFC 4254 §6.9. */
const CLIENT_SIGNALS: ReadonlySet<string> = new Set(
  ["ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2"].filter(
    (name) => `SIG${name}` in constants.signals,
  ),
);
