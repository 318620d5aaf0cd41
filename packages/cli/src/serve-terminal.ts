import { readSync } from "node:fs";
import { constants } from "node:os";
import type { ReadStream } from "node:tty";
import type { NodeSession, Pty, SessionExit } from "@nacre/node";
import { ProcessGroup, type Program } from "./serve-process.ts";
import { terminalModeWords } from "./terminal-mode-words.ts";

/** How long a terminal is read on after its program has ended, when others still hold it: milliseconds. */
const LAST_OUTPUT = 200;
/** What is read of a terminal at its very end: bytes. More than the system has of it, and no more, as others may print on and on. */
const MOST_UNREAD = 64 * 1024;
/** What a read of a terminal gives at most: bytes. */
const TERMINAL_READ = 4096;
/** How long it is until the end of a program is looked for again: milliseconds. */
const LOOK_AGAIN = 10;

/** Runs a program in a pseudo-terminal; rejects when it cannot be started. */
export type TerminalRunner = (
  session: NodeSession,
  pty: Pty,
  program: Program,
  kill: AbortSignal,
) => Promise<SessionExit>;

/** What runs programs in pseudo-terminals, or why there is nothing that does: its library is an optional part. */
export async function loadTerminalRunner(): Promise<TerminalRunner | string> {
  try {
    const { spawn } = await import("@lydell/node-pty");
    return (session, pty, program, kill) => runInTerminal(spawn, session, pty, program, kill);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

type Spawn = typeof import("@lydell/node-pty")["spawn"];

/** In the terminal itself: sets its modes, tells its name, and becomes the program. Names of files mean nothing in a list of modes. */
const PREPARE =
  'set -f; modes=$1; shift; SSH_TTY=$(tty); export SSH_TTY; [ -z "$modes" ] || stty $modes 2>/dev/null; unset modes; exec "$@"';

function runInTerminal(
  spawn: Spawn,
  session: NodeSession,
  pty: Pty,
  { file, words, cwd, env }: Program,
  kill: AbortSignal,
): Promise<SessionExit> {
  const terminal = spawn("/bin/sh", ["-c", PREPARE, "sh", terminalModeWords(pty.modes).join(" "), file, ...words], {
    name: pty.term,
    cols: size(pty.columns, 80),
    rows: size(pty.rows, 24),
    cwd,
    env,
    encoding: null,
  });
  // The library's own `write` tells nobody to wait.
  const { _socket: socket, fd } = terminal as unknown as { readonly _socket: ReadStream; readonly fd: number };
  const group = new ProcessGroup(terminal.pid, session, kill);
  session.onResize = ({ columns, rows }) => {
    if (columns > 0 && rows > 0) terminal.resize(size(columns, 80), size(rows, 24));
  };
  // The library throws an error that only it listens to.
  socket.on("error", () => {});
  session.stdin.pipe(socket, { end: false });
  readTerminal(session, socket, fd, terminal.pid);
  return new Promise((resolve) => {
    terminal.onExit(({ exitCode, signal }) => {
      group.ended();
      // The number of the terminal's file may be another terminal's from now on.
      session.onResize = undefined;
      resolve(signal === undefined || signal === 0 ? { status: exitCode } : { signal: signalName(signal) });
    });
  });
}

/**
 * Carries what a terminal shows to the client, at the client's pace. The library's stream ends itself soon after the program has
 * ended, whatever is still unread, and as soon as nobody holds the terminal: where the client is slow that has to wait, and so it
 * has for a program that closes its files before it ends, which the closing of our side would hang up.
 */
function readTerminal({ stdout, signal }: NodeSession, socket: ReadStream, fd: number, pid: number): void {
  const destroy = socket.destroy.bind(socket);
  let waiting = false;
  let ending: { readonly error: Error | undefined } | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = (): void => {
    if (ending === undefined || waiting) return;
    clearTimeout(timer);
    if (isAlive(pid)) {
      timer = setTimeout(end, LOOK_AGAIN);
    } else {
      if (!stdout.destroyed) for (const piece of unread(fd)) stdout.write(piece);
      destroy(ending.error);
    }
  };
  socket.destroy = (error) => {
    ending ??= { error };
    end();
    return socket;
  };
  socket.on("data", (chunk: Uint8Array) => {
    if (stdout.destroyed || stdout.write(chunk)) return;
    waiting = true;
    socket.pause();
  });
  stdout.on("drain", () => {
    waiting = false;
    socket.resume();
    clearTimeout(timer);
    if (ending !== undefined) timer = setTimeout(end, LAST_OUTPUT);
  });
  // Nobody waits for the rest: closing the terminal also hangs up what another process group has in it.
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    destroy();
  });
}

/**
 * What the system still has of a terminal's output: some 18 KiB at most. Node takes a terminal that nobody holds for ended when it has
 * read once, and a read gives 4 KiB of it.
 */
export function unread(fd: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  try {
    for (let reads = MOST_UNREAD / TERMINAL_READ; reads > 0; reads--) {
      const piece = new Uint8Array(TERMINAL_READ);
      const length = readSync(fd, piece);
      if (length === 0) break;
      pieces.push(piece.subarray(0, length));
    }
  } catch {
    // EIO: nobody holds it and nothing is left. EAGAIN: somebody does.
  }
  return pieces;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** A size as the system can have it; 0 is one that the client does not know. */
function size(value: number, usual: number): number {
  return value === 0 ? usual : Math.min(value, 0xffff);
}

function signalName(number: number): string {
  const name = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return name?.slice("SIG".length) ?? `${number}`;
}
