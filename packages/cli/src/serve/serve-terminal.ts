import { type ChildProcess, fork } from "node:child_process";
import type { Socket } from "node:net";
import type { NodeSession, Pty, SessionExit } from "@nacre/node";
import { type HostCommand, type HostReport, TERMINAL_BYTES, TERMINAL_HOST } from "../terminal/terminal-messages.ts";
import { terminalModeWords } from "../terminal/terminal-mode-words.ts";
import { HANGUP_GRACE, ProcessGroup, type Program } from "./serve-process.ts";

/** Runs a program in a pseudo-terminal. Resolves with its exit; rejects if it cannot be started. */
export type TerminalRunner = (
  session: NodeSession,
  pty: Pty,
  program: Program,
  processes: Set<number>,
) => Promise<SessionExit>;

/** Returns a function that runs programs in pseudo-terminals, or the error text if node-pty, an optional dependency, cannot be loaded. */
export async function loadTerminalRunner(): Promise<TerminalRunner | string> {
  try {
    await import("@lydell/node-pty");
    // rule: terminal-host
    return runInTerminal;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Time for a host process to end after its client is gone, in milliseconds. Longer than its program gets. */
const HOST_GRACE = HANGUP_GRACE + 500;

/** Shell script run in the terminal: sets its modes, exports SSH_TTY, then execs the program. `set -f` stops globbing of the modes. */
const PREPARE =
  'set -f; modes=$1; shift; SSH_TTY=$(tty); export SSH_TTY; [ -z "$modes" ] || stty $modes 2>/dev/null; unset modes; exec "$@"';

async function runInTerminal(
  session: NodeSession,
  pty: Pty,
  { file, words, cwd, env }: Program,
  processes: Set<number>,
): Promise<SessionExit> {
  // Detached, so that ^C at the server's own terminal reaches only the server.
  const host = fork(process.argv[1]!, [TERMINAL_HOST], {
    stdio: ["ignore", "ignore", "ignore", "ipc", "pipe"],
    detached: true,
  });
  const link = host.stdio[TERMINAL_BYTES] as Socket;
  // Ignored: "close" follows.
  link.on("error", () => {});
  const linkClosed = new Promise((resolve) => link.once("close", resolve));
  const abandon = (): void => {
    link.destroy();
    const timer = setTimeout(() => host.kill("SIGKILL"), HOST_GRACE);
    host.once("exit", () => clearTimeout(timer));
  };
  session.signal.addEventListener("abort", abandon);
  const { started, ended } = reports(host);
  const send = (command: HostCommand): void => {
    if (host.connected) host.send(command, () => {});
  };
  send({
    type: "start",
    file: "/bin/sh",
    words: ["-c", PREPARE, "sh", terminalModeWords(pty.modes).join(" "), file, ...words],
    cwd,
    env,
    name: pty.term,
    columns: size(pty.columns, 80),
    rows: size(pty.rows, 24),
  });

  const pid = await started;
  processes.add(pid);
  const group = new ProcessGroup(pid, session);
  session.onResize = ({ columns, rows }) => {
    if (columns > 0 && rows > 0) send({ type: "resize", columns: size(columns, 80), rows: size(rows, 24) });
  };
  session.stdin.pipe(link, { end: false });
  link.pipe(session.stdout, { end: false });
  if (session.signal.aborted) abandon();
  try {
    return await ended;
  } finally {
    group.ended();
    processes.delete(pid);
    session.onResize = undefined;
    await linkClosed;
  }
}

/** Resolves with the host's reports: the program's process ID, later its exit. Both reject if the host ends first. */
function reports(host: ChildProcess): { readonly started: Promise<number>; readonly ended: Promise<SessionExit> } {
  const gone = new Promise<never>((_, reject) => {
    host.once("error", reject);
    host.once("disconnect", () => reject(new Error("the process that hosts the terminal ended")));
  });
  const first = <T>(pick: (report: HostReport) => T | undefined): Promise<T> => {
    const told = new Promise<T>((resolve, reject) => {
      host.on("message", (report: HostReport) => {
        const value = pick(report);
        if (value !== undefined) resolve(value);
        else if (report.type === "failed") reject(new Error(report.message));
      });
    });
    const result = Promise.race([told, gone]);
    // Avoid an unhandled rejection before the caller awaits it.
    result.catch(() => {});
    return result;
  };
  return {
    started: first((report) => (report.type === "started" ? report.pid : undefined)),
    ended: first((report) => (report.type === "ended" ? report.exit : undefined)),
  };
}

/** Limits a size to what the system supports; replaces 0, an unknown size (RFC 4254 §6.2), by `usual`. */
function size(value: number, usual: number): number {
  return value === 0 ? usual : Math.min(value, 0xffff);
}
