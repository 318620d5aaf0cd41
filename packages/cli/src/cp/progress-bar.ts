import { type CopyState, progressLine } from "./progress-line.ts";

/** Terminal that shows progress. */
export interface ProgressOutput {
  /** Returns the number of columns. */
  readonly columns: () => number;
  /** Writes to the terminal. */
  readonly write: (text: string) => void;
  /** Returns milliseconds that only grow. */
  readonly now: () => number;
}

/** Shortest time between two drawings in milliseconds. */
const INTERVAL = 100;

/** Moves the cursor to the first column and clears from there to the end of the line (ECMA-48 CR, EL). */
const CLEAR = "\r\x1b[K";

/** Shows the progress of a copy in one line of a terminal. It is drawn at most ten times a second. */
export class ProgressBar {
  readonly #output: ProgressOutput;
  #drawnAt: number | undefined;
  #isShown = false;

  constructor(output: ProgressOutput) {
    this.#output = output;
  }

  /** Shows a state, unless another was shown a moment ago. */
  update(state: CopyState): void {
    const now = this.#output.now();
    if (this.#drawnAt !== undefined && now - this.#drawnAt < INTERVAL) return;
    this.#draw(state, now);
  }

  /** Shows the last state and ends the line. Later output begins in a new one. */
  finish(state: CopyState): void {
    this.#draw(state, this.#output.now());
    this.#output.write("\n");
    this.#isShown = false;
  }

  /** Clears the line, so that other text can be printed. The next update draws it again. */
  clear(): void {
    if (this.#isShown) this.#output.write(CLEAR);
    this.#isShown = false;
  }

  #draw(state: CopyState, now: number): void {
    this.#drawnAt = now;
    this.#isShown = true;
    this.#output.write(`${CLEAR}${progressLine(state, this.#output.columns())}`);
  }
}

/** Returns a bar on standard error, or `undefined` if that is not a terminal. */
export function progressOnTerminal(): ProgressBar | undefined {
  const { stderr } = process;
  if (!stderr.isTTY) return undefined;
  return new ProgressBar({
    columns: () => stderr.columns || 80,
    write: (text) => stderr.write(text),
    now: () => performance.now(),
  });
}
