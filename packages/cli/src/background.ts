import { spawn } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";

/**
 * How `nacre -f` starts the process that goes on in the background: `nacre --in-background terminal|no-terminal WORDS`, with an IPC channel,
 * and with the terminal on `TERMINAL_DESCRIPTORS`.
 *
 * A Node program cannot fork. So that process does everything, questions included, and says when it needs nobody any more; until then the
 * first process waits, and stands for it. It has a Unix session of its own, so that nothing that ends the terminal's ends it. There it cannot
 * open /dev/tty, so it gets the terminal opened.
 */
export const BACKGROUND = "--in-background";

/** A terminal opened: for writing, for reading, and for reading without waiting. */
export type TerminalDescriptors = readonly [output: number, input: number, unread: number];

/** The background process's. */
const TERMINAL_DESCRIPTORS: TerminalDescriptors = [4, 5, 6];

/** The one message: the background process needs nobody any more. */
const RELEASED = "released";

/** What a shell shows for a process that a signal ended is 128 and its number; ours of a process that a signal ended is this. */
const FAILURE = 255;

const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;

/** Opens the terminal that this process belongs to. Throws if there is none. */
export function openTerminalDescriptors(): TerminalDescriptors {
  const opened: number[] = [];
  try {
    for (const flags of [
      constants.O_WRONLY,
      constants.O_RDONLY,
      constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY,
    ])
      opened.push(openSync("/dev/tty", flags));
  } catch (error) {
    opened.forEach(closeSync);
    throw error;
  }
  const [output, input, unread] = opened;
  return [output!, input!, unread!];
}

/**
 * Runs `nacre` with these words in the background. Returns the exit status when it needs nobody any more (0), or has ended before. `hasOutput`:
 * its command prints, also later. Otherwise what it says later is dropped, so that whoever waits for the end of our output need not wait for
 * the background's.
 */
export function startInBackground(words: readonly string[], hasOutput: boolean): Promise<number> {
  let terminal: readonly number[] = [];
  try {
    terminal = openTerminalDescriptors();
  } catch {
    // There is nobody to ask.
  }
  const output = hasOutput ? "inherit" : "pipe";
  const child = spawn(
    process.execPath,
    [...process.execArgv, process.argv[1]!, BACKGROUND, terminal.length > 0 ? "terminal" : "no-terminal", ...words],
    { detached: true, stdio: ["ignore", output, output, "ipc", ...terminal] },
  );
  terminal.forEach((descriptor) => closeSync(descriptor));
  child.stdout?.pipe(process.stdout);
  child.stderr?.pipe(process.stderr);
  return new Promise((resolve, reject) => {
    for (const signal of SIGNALS)
      process.on(signal, () => {
        child.kill(signal);
        resolve(FAILURE);
      });
    child.once("error", reject);
    // What it has printed is in the pipes already: a turn of the loop reads it.
    child.once("message", () => setImmediate(() => setImmediate(() => resolve(0))));
    child.once("close", (status) => resolve(status ?? FAILURE));
  });
}

/** The background process's own side. */
export interface Background {
  /** The terminal to ask at; `undefined` if there is none. */
  readonly terminal: TerminalDescriptors | undefined;
  /** Lets the first process end, and goes on alone. */
  release(): Promise<void>;
}

/** Returns the side of the background process, which ends if the first process does before `release`. */
export function inBackground(hasTerminal: boolean): Background {
  const abandoned = (): never => process.exit(FAILURE);
  process.once("disconnect", abandoned);
  return {
    terminal: hasTerminal ? TERMINAL_DESCRIPTORS : undefined,
    release: () =>
      new Promise((resolve) => {
        process.off("disconnect", abandoned);
        process.send!(RELEASED, () => {
          process.disconnect();
          resolve();
        });
      }),
  };
}
