import type { TerminalDescriptors } from "./terminal.ts";

/**
 * How `nacre -f` starts its background process: `nacre --in-background terminal|no-terminal WORDS`, with an IPC channel, and with the terminal
 * on `TERMINAL_DESCRIPTORS`.
 *
 * Node cannot fork, so the background process does everything from the start, and asks the questions. The first process waits for its message.
 * The background process has a Unix session of its own, so that it outlives the terminal. A process there cannot open /dev/tty, so it gets
 * open descriptors.
 */
export const BACKGROUND = "--in-background";

/** The terminal's, in the background process. */
const TERMINAL_DESCRIPTORS: TerminalDescriptors = [4, 5, 6];

/** The only message: login succeeded, and the forwards are set up. */
const RELEASED = "released";

/** The background process's link to the first process. */
export interface Background {
  /** The terminal to ask at; `undefined` without one. */
  readonly terminal: TerminalDescriptors | undefined;
  /** Tells the first process to exit with status 0. */
  release(): Promise<void>;
}

/** The first process ended before its time. */
function abandoned(): never {
  process.exit(255);
}

/** Returns the link of this process, which exits if the first process ends before `release`. */
export function inBackground(hasTerminal: boolean): Background {
  process.once("disconnect", abandoned);
  return {
    terminal: hasTerminal ? TERMINAL_DESCRIPTORS : undefined,
    release: () =>
      new Promise((resolve) => {
        process.off("disconnect", abandoned);
        process.send!(RELEASED, (error: Error | null) => {
          if (error !== null) abandoned();
          // The first process may have closed it already.
          if (process.connected) process.disconnect();
          resolve();
        });
      }),
  };
}
