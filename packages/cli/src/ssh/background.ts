import type { TerminalDescriptors } from "../terminal/terminal.ts";

/**
 * First argument of the background process that `nacre -f` starts: `nacre --in-background terminal|no-terminal WORDS`. The process also
 * gets an IPC channel, and the terminal on `TERMINAL_DESCRIPTORS`.
 *
 * Node cannot fork, so the background process does all the work, including the questions, and the first process waits for its message. The
 * background process runs in its own Unix session, to outlive the terminal. It cannot open /dev/tty there, so it inherits open descriptors.
 */
export const BACKGROUND = "--in-background";

/** Descriptors of the terminal in the background process. */
const TERMINAL_DESCRIPTORS: TerminalDescriptors = [4, 5, 6];

/** The only IPC message: login succeeded and the forwards are set up. */
const RELEASED = "released";

/** Link from the background process to the first process. */
export interface Background {
  /** Terminal for questions; `undefined` without a terminal. */
  readonly terminal: TerminalDescriptors | undefined;
  /** Tells the first process to exit with status 0. */
  release(): Promise<void>;
}

/** Exits because the first process ended before `release`. */
function abandoned(): never {
  process.exit(255);
}

/** Returns the link to the first process. This process exits if the first one ends before `release`. */
export function inBackground(hasTerminal: boolean): Background {
  process.once("disconnect", abandoned);
  return {
    terminal: hasTerminal ? TERMINAL_DESCRIPTORS : undefined,
    release: () =>
      new Promise((resolve) => {
        process.off("disconnect", abandoned);
        process.send!(RELEASED, (error: Error | null) => {
          if (error !== null) abandoned();
          // The first process may have closed the channel already.
          if (process.connected) process.disconnect();
          resolve();
        });
      }),
  };
}
