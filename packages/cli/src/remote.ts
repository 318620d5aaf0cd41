import { spawnSync } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isatty } from "node:tty";
import type { Client, Exit, NodeProcess } from "@nacre/node";
import { SshError } from "@nacre/wire";
import { EscapeKeys } from "./escape-keys.ts";
import type { SshArguments } from "./ssh-arguments.ts";

/** What a shell shows for a process that SIGPIPE ended: the reader of our output has gone. */
export const BROKEN_PIPE_STATUS: number = 128 + 13;

/**
 * Runs the command, or a shell, with this process's standard streams and, where one is called for, a pseudo-terminal. Where
 * standard input is a terminal, what was typed ahead there comes first.
 * Returns the exit status for this process: the remote one. Rejects with the `SshError` that ended the connection, or
 * `channel-closed` when the command ended by a signal, or without a word on how.
 */
export async function runRemote(
  client: Client,
  { command, terminal }: Pick<SshArguments, "command" | "terminal">,
  typedAhead: string,
): Promise<number> {
  const { stdin, stdout, stderr } = process;
  const wanted = terminal > 0 || command === undefined;
  const hasPty = terminal > 1 || (wanted && isatty(stdin.fd));
  if (terminal === 1 && !hasPty)
    stderr.write("nacre: standard input is no terminal, so none is asked for there (-tt asks all the same)\n");

  const pty = hasPty && { term: process.env.TERM ?? "dumb", ...windowSize(), modes: { IUTF8: 1 } };
  const remote = command === undefined ? await client.shell({ pty }) : await client.spawn(command, { pty });
  let hungUp = false;
  const restore = hasPty ? useTerminal(remote) : () => {};
  try {
    if (hasPty && stdin.isTTY) {
      const keys = new EscapeKeys(() => void client.close());
      keys.pipe(remote.stdin);
      keys.write(typedAhead);
      stdin.pipe(keys);
    } else {
      // What came through the terminal by itself would have ended its lines so.
      if (stdin.isTTY) remote.stdin.write(typedAhead.replaceAll("\r", "\n"));
      stdin.pipe(remote.stdin);
    }
    // Half of an input must not look like all of it to the command.
    const inputFailed = new Promise<never>((_, reject) => {
      stdin.on("error", (cause: Error) =>
        reject(new SshError("file-unreadable", `standard input cannot be read: ${cause.message}`, { cause })),
      );
    });
    const ended = Promise.all([remote.exit, carry(remote.stdout, stdout), carry(remote.stderr, stderr)]);
    const [exit, ...delivered] = await Promise.race([ended, inputFailed]);
    return delivered.includes(false) ? BROKEN_PIPE_STATUS : statusOf(exit);
  } finally {
    restore();
    stdin.unpipe();
    stdin.pause();
    await remote.close();
  }

  /** Whether all was delivered; when the reader has gone, the command is hung up. */
  async function carry(from: Readable, to: Writable): Promise<boolean> {
    try {
      await pipeline(from, to, { end: false });
      await new Promise<void>((resolve, reject) => {
        to.write("", (error) => (error ? reject(error) : resolve()));
      });
      return true;
    } catch (error) {
      // Hanging up cuts the other output short.
      if (hungUp) return false;
      if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
      hungUp = true;
      await remote.close();
      return false;
    }
  }
}

/** As with `ssh`, only a status is a status; its values are those of a process. */
function statusOf({ status, signal }: Exit): number {
  if (status !== undefined) return Math.min(status, 255);
  throw new SshError(
    "channel-closed",
    signal === undefined
      ? "the server did not tell how the command ended"
      : `the command was ended by the signal ${signal}`,
  );
}

/** Gives each key to the remote terminal, and each change of the window's size; returns what takes that back. */
function useTerminal(remote: NodeProcess): () => void {
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
  process.on("SIGWINCH", resize);
  process.on("exit", restore);
  for (const signal of SIGNALS) process.on(signal, onSignal);
  if (stdin.isTTY) {
    stdin.setRawMode(true);
    // Node's raw mode still turns a line feed into CR LF, which takes full-screen programs there apart.
    spawnSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
  }
  return restore;
}

const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;

function windowSize(): { readonly columns: number; readonly rows: number } {
  const [columns, rows] = [process.stdout, process.stderr].find(({ isTTY }) => isTTY)?.getWindowSize() ?? [80, 24];
  return { columns, rows };
}
