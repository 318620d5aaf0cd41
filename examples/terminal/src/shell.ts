// Runs the shells and commands of the embedded SSH server.
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { account, type NodeSession } from "@nacre/node";
import type { HostReport, TerminalStart } from "./terminal-host.js";

/** User that a shell belongs to. */
export interface ShellUser {
  readonly user: string;
  /** Home folder, where the shell starts. */
  readonly home: string;
}

type Exit = { readonly status: number } | { readonly signal: string };

const TERMINAL_HOST = fileURLToPath(new URL("terminal-host.js", import.meta.url));
/** Time in milliseconds for a command to end after SIGHUP. */
const HANGUP_GRACE = 2000;
/** Descriptor of the terminal host that carries the terminal's bytes. */
const TERMINAL_BYTES = 4;

/** Returns whether node-pty, an optional dependency, has a binary for this platform. Without it, requests for a terminal are refused. */
export async function terminalsAreSupported(): Promise<boolean> {
  try {
    await import("@lydell/node-pty");
    return true;
  } catch {
    return false;
  }
}

/** Runs the session's command, or a login shell. Resolves with its exit; rejects if it cannot be started. */
export async function runShell(session: NodeSession, { user, home }: ShellUser): Promise<Exit> {
  const file = account().shell || "/bin/sh";
  const start: TerminalStart = {
    file,
    words: session.command === undefined ? ["-l"] : ["-c", session.command],
    cwd: home,
    env: environment(session, file, { user, home }),
    columns: session.pty?.columns || 80,
    rows: session.pty?.rows || 24,
  };
  return session.pty === undefined ? runWithPipes(session, start) : runInTerminal(session, start);
}

function environment(session: NodeSession, shell: string, { user, home }: ShellUser): Record<string, string> {
  return {
    HOME: home,
    USER: user,
    LOGNAME: user,
    SHELL: shell,
    PATH: process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin",
    LANG: process.env.LANG ?? "C.UTF-8",
    ...(session.pty && { TERM: session.pty.term || "xterm-256color" }),
    ...session.env,
  };
}

async function runWithPipes(session: NodeSession, { file, words, cwd, env }: TerminalStart): Promise<Exit> {
  // In a process group of its own, so that the end of the session reaches all its processes.
  const child = spawn(file, words, { cwd, env, stdio: "pipe", detached: true });
  await once(child, "spawn");
  let timer: ReturnType<typeof setTimeout> | undefined;
  const signalGroup = (name: NodeJS.Signals): void => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, name);
  };
  const hangUp = (): void => {
    signalGroup("SIGHUP");
    timer = setTimeout(() => signalGroup("SIGKILL"), HANGUP_GRACE);
    for (const output of [child.stdout, child.stderr]) output.destroy();
  };
  session.signal.addEventListener("abort", hangUp);
  if (session.signal.aborted) hangUp();
  // The command may end before it has read all input.
  child.stdin.on("error", () => session.stdin.destroy());
  session.stdin.pipe(child.stdin);
  child.stdout.pipe(session.stdout, { end: false });
  child.stderr.pipe(session.stderr, { end: false });
  const [status, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  session.signal.removeEventListener("abort", hangUp);
  return signal === null ? { status: status ?? 0 } : { signal: signal.slice("SIG".length) };
}

/** Runs a program in a terminal. A process of its own holds the terminal: node-pty lets every later program of its process inherit it. */
async function runInTerminal(session: NodeSession, start: TerminalStart): Promise<Exit> {
  const host = fork(TERMINAL_HOST, [], {
    // Without the flags of this process, such as the loader for TypeScript.
    execArgv: [],
    stdio: ["ignore", "ignore", "inherit", "ipc", "pipe"],
    // Ctrl-C in the terminal of `npm start` ends the server, not its shells.
    detached: true,
  });
  const link = host.stdio[TERMINAL_BYTES] as Socket;
  link.on("error", () => {});
  const closed = once(host, "close");
  let exit: Exit | undefined;
  host.on("message", (report: HostReport) => {
    exit = report.signal === undefined ? { status: report.status } : { signal: report.signal };
  });
  const send = (message: object): void => {
    if (host.connected) host.send(message, () => {});
  };
  // The system hangs up the terminal's programs when its holder ends.
  const hangUp = (): void => void host.kill("SIGKILL");
  session.signal.addEventListener("abort", hangUp);
  session.onResize = ({ columns, rows }) => {
    if (columns > 0 && rows > 0) send({ columns, rows });
  };
  send(start);
  session.stdin.pipe(link, { end: false });
  link.pipe(session.stdout, { end: false });
  if (session.signal.aborted) hangUp();
  await closed;
  session.signal.removeEventListener("abort", hangUp);
  session.stdin.unpipe(link);
  if (exit === undefined && !session.signal.aborted) throw new Error("the terminal's process ended without a report");
  return exit ?? { signal: "HUP" };
}
