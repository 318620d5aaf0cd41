import { createInterface, type Interface } from "node:readline";
import type { Completion } from "./complete.ts";

/** Number of lines in the history. */
const HISTORY = 1000;

/** Typed input: a terminal, or a stream in tests. */
export type PromptInput = NodeJS.ReadableStream & { setRawMode?(raw: boolean): unknown };

/**
 * Reads lines at a terminal, with editing, history and completion. Between lines the terminal is in its usual mode, so that Ctrl-C is a
 * signal and other programs may read from it.
 */
export class Prompt {
  readonly #input: PromptInput;
  readonly #lines: Interface;
  /** Lines typed or pasted before `next` was called. */
  readonly #typed: string[] = [];
  #isClosed = false;
  #take: ((line: string | undefined) => void) | undefined;

  /** `complete` completes the last word of a line. It must not reject. */
  constructor(input: PromptInput, output: NodeJS.WritableStream, complete: (line: string) => Promise<Completion>) {
    this.#input = input;
    this.#lines = createInterface({
      input,
      output,
      prompt: "sftp> ",
      terminal: true,
      historySize: HISTORY,
      removeHistoryDuplicates: true,
      completer: (line: string, done: (error: null, completion: Completion) => void) => {
        void complete(line).then((completion) => done(null, completion));
      },
    });
    this.#lines.on("line", (line) => {
      if (this.#take === undefined) this.#typed.push(line);
      else this.#give(line);
    });
    this.#lines.on("close", () => {
      this.#isClosed = true;
      this.#give(undefined);
    });
    // As in a shell, Ctrl-C discards the line.
    this.#lines.on("SIGINT", () => {
      this.#lines.write(null, { ctrl: true, name: "e" });
      this.#lines.write(null, { ctrl: true, name: "u" });
      output.write("^C\n");
      this.#lines.prompt();
    });
    this.#pause();
  }

  /** Types text, as if it came from the terminal. */
  type(text: string): void {
    if (text !== "") this.#lines.write(text);
  }

  /** Shows the prompt and resolves with the next line; `undefined` at the end of the input. Ctrl-D in an empty line ends the input. */
  next(): Promise<string | undefined> {
    const typed = this.#typed.shift();
    if (typed !== undefined) return Promise.resolve(typed);
    if (this.#isClosed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#take = resolve;
      this.#input.setRawMode?.(true);
      // Keeps the cursor after what was typed before.
      this.#lines.prompt(true);
    });
  }

  /** Releases the terminal. */
  close(): void {
    this.#lines.close();
  }

  #give(line: string | undefined): void {
    const take = this.#take;
    this.#take = undefined;
    this.#pause();
    take?.(line);
  }

  /** Stops reading until the next prompt. */
  #pause(): void {
    if (this.#isClosed) return;
    this.#lines.pause();
    this.#input.setRawMode?.(false);
  }
}
