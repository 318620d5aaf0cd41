import { spawnSync } from "node:child_process";
import type { Writable } from "node:stream";
import type { ConfigValues } from "@nacre/config";
import type { Client, Exit, NodeProcess } from "@nacre/node";
import { isWindows } from "@nacre/node/extend";
import { SshError } from "@nacre/wire";
import { say } from "../say.ts";
import { readTerminalModes } from "../terminal/terminal-mode-words.ts";
import { carry, inputFor } from "./carry.ts";
import { type EscapeTargets, escapeActions } from "./escape-actions.ts";
import { EscapeKeys } from "./escape-keys.ts";
import { inform } from "./log-level.ts";
import { refusedRequest } from "./messages.ts";
import { sessionTerminal, type TerminalUse } from "./session-terminal.ts";
import { requestsTerminal } from "./terminal-request.ts";

/** Input of a session beside its command. */
export interface SessionInput {
  /** Environment variables, beside those of the connection. */
  readonly env?: Readonly<Record<string, string>>;
  /** Sent first if standard input is a terminal. */
  readonly typedAhead: string;
  /** Whether the connection is that of a master. */
  readonly isShared: boolean;
}

/** Targets of escapes at a terminal, beside the session. */
export interface Escapes extends Pick<EscapeTargets, "forwards" | "isShared" | "changeLevel"> {
  /** Runs a line that was typed at the command line of `~C`; `undefined` without EnableEscapeCommandline. */
  readonly runLine: ((line: string) => Promise<void>) | undefined;
}

/**
 * Runs the command, the subsystem (SessionType) or a shell on this process's standard streams, with a pseudo-terminal if one is needed.
 * If the reader of the output goes away, the command learns it, and ends with a status of its own, as with ssh(1).
 *
 * Resolves with the remote exit status. Rejects with the `SshError` that ended the connection, `file-unwritable` for output, or
 * `channel-closed` if a signal ended the command or the server reported no exit status.
 */
export async function runRemote(
  client: Client,
  values: ConfigValues,
  command: string | undefined,
  { env, typedAhead, runLine, ...escapes }: SessionInput & Escapes,
): Promise<number> {
  const { stdin, stdout, stderr } = process;
  const { escapeChar } = values;
  const hasInput = !values.stdinNull;
  const hasPty = requestsTerminal(values, command);
  let isRaw = hasPty && hasInput;
  // As with ssh(1), a shell goes on without a terminal, unless it was asked for. Hosts of git grant none.
  const withoutTerminal = (): void => {
    isRaw = false;
    say(refusedRequest("pty-req"));
  };
  const pty = hasPty && {
    term: process.env.TERM ?? (isWindows() ? "xterm-256color" : "dumb"),
    ...windowSize(),
    // As with ssh(1), the remote terminal gets the modes of this one: its backspace key, for example.
    modes: { IUTF8: 1, ...(stdin.isTTY && readTerminalModes(stty("-a"))) },
    refused: values.requestTTY === "auto" ? withoutTerminal : undefined,
  };
  const options = { pty, env };
  const remote = await (command === undefined
    ? client.shell(options)
    : values.sessionType === "subsystem"
      ? client.subsystem(command, options)
      : client.spawn(command, options));
  const terminal = isRaw ? useTerminal(remote) : UNUSED;
  const withEscapes = (escape: number): Writable => {
    const commandLine = runLine && (() => atCommandLine(runLine));
    const targets = { ...escapes, client, remote, suspend: () => suspend(terminal), commandLine };
    const keys = new EscapeKeys(escape, escapeActions(escape, targets));
    keys.pipe(remote.stdin);
    return keys;
  };
  try {
    if (!hasInput) {
      remote.stdin.end();
    } else {
      const input = hasPty && escapeChar !== undefined ? withEscapes(escapeChar) : inputFor(remote.stdin);
      // The keys were read in raw mode. In normal mode the terminal would have changed CR to LF.
      if (stdin.isTTY) input.write(isRaw ? typedAhead : typedAhead.replaceAll("\r", "\n"));
      stdin.pipe(input);
      if (hasPty) sessionTerminal.lend(terminal, input, { isInterruptible: command === undefined });
    }
    // Reject instead of sending EOF: truncated input must not look complete to the command.
    const inputFailed = new Promise<never>((_, reject) => {
      stdin.on("error", (cause: Error) =>
        reject(new SshError("file-unreadable", `cannot read standard input: ${cause.message}`, { cause })),
      );
    });
    const ended = Promise.all([
      remote.exit,
      carry(remote.stdout, stdout, "standard output"),
      carry(remote.stderr, stderr, "standard error"),
    ]);
    const [exit] = await Promise.race([ended, inputFailed]);
    return statusOf(exit);
  } finally {
    sessionTerminal.end();
    terminal.restore();
    if (hasPty)
      inform(values, `${escapes.isShared ? "Shared connection" : "Connection"} to ${values.hostName} closed.`);
    stdin.unpipe();
    stdin.pause();
    await remote.close();
  }
}

/** Returns the exit status, at most 255. Throws `channel-closed` if the server sent no status; ssh(1) fails then, too. */
function statusOf({ status, signal }: Exit): number {
  if (status !== undefined) return Math.min(status, 255);
  throw new SshError(
    "channel-closed",
    signal === undefined
      ? "the server closed the channel without an exit status"
      : `the command was ended by signal ${signal}`,
  );
}

const UNUSED: TerminalUse = { use() {}, restore() {} };

/** Stops this process. Its terminal is in raw mode again when it is continued, and the server learns a new size of the window. */
function suspend({ use, restore }: TerminalUse): void {
  restore();
  process.once("SIGCONT", () => {
    use();
    // A process in the background gets no signal of a new size.
    process.kill(process.pid, "SIGWINCH");
  });
  process.kill(process.pid, "SIGTSTP");
}

/** Asks for a line and runs it. Keys for the session wait meanwhile. */
async function atCommandLine(run: (line: string) => Promise<void>): Promise<void> {
  await sessionTerminal.askNow(async (asker) => run(await asker.ask("\r\nssh> ", { echo: true })));
}

/** Sets the local terminal to raw mode and forwards changes of its window size. */
function useTerminal(remote: NodeProcess): TerminalUse {
  const { stdin } = process;
  const resize = (): void => {
    const { columns, rows } = windowSize();
    remote.resize(columns, rows);
  };
  const restore = (): void => {
    if (stdin.isTTY) stdin.setRawMode(false);
    process.off("SIGWINCH", resize);
    process.off("exit", restore);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    restore();
    process.kill(process.pid, signal);
  };
  const use = (): void => {
    process.on("SIGWINCH", resize);
    process.on("exit", restore);
    for (const signal of SIGNALS) process.on(signal, onSignal);
    if (!stdin.isTTY) return;
    stdin.setRawMode(true);
    // Node's raw mode still changes LF to CR LF on output, which garbles full-screen programs. On Windows it does not.
    stty("-opost");
  };
  use();
  return { use, restore };
}

const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;

/** Runs stty(1) on standard input. Returns what it prints; "" without stty, and on Windows. */
function stty(word: string): string {
  // A program of this name in the current folder would run.
  // rule: windows-stty
  if (isWindows()) return "";
  const env = { ...process.env, LC_ALL: "C" };
  const { stdout } = spawnSync("stty", [word], { stdio: ["inherit", "pipe", "ignore"], encoding: "utf8", env });
  return stdout ?? "";
}

/** Returns the size of the terminal, which may be standard input alone: `nacre HOST 2>&1 | tee log`. */
function windowSize(): { readonly columns: number; readonly rows: number } {
  const output = [process.stdout, process.stderr].find(({ isTTY }) => isTTY);
  if (output !== undefined) {
    const [columns, rows] = output.getWindowSize();
    return { columns, rows };
  }
  const [, rows = 24, columns = 80] = /^(\d+) (\d+)$/m.exec(stty("size")) ?? [];
  return { columns: Number(columns), rows: Number(rows) };
}
