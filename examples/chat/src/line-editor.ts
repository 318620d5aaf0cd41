// Input and output of a client's terminal. `LineEditor` is for clients with a pseudo-terminal, which expect the server to echo input.
// `PlainLines` is for clients without one, such as `echo hello | ssh …`.
import { MAX_TEXT, printable } from "./text.ts";

/** Callbacks of a terminal. */
export interface TerminalActions {
  /** Sends text to the client. */
  write(text: string): void;
  /** Called with each line that the user enters. */
  line(text: string): void;
  /** Called when the user leaves: Ctrl-C, Ctrl-D on an empty line, or the end of the input. */
  leave(): void;
}

/** Common interface of `LineEditor` and `PlainLines`. */
export interface Terminal {
  /** Handles bytes from the client. */
  receive(bytes: Uint8Array): void;
  /** Handles the end of the input. */
  end(): void;
  /** Shows a line of printable text. It may contain the escape sequences that `bold` adds. */
  print(line: string): void;
  /** Ends the input. `show` still works. */
  close(): void;
  /** Columns of the terminal; 0 if unknown. */
  columns: number;
}

/** Makes text bold with escape sequences; use it only for pseudo-terminals. */
export function bold(text: string): string {
  return `\x1b[1m${text}\x1b[0m`;
}

const PROMPT = "> ";
/** Moves the cursor to the start of its row and erases the row. */
const CLEAR_ROW = "\r\x1b[K";
const BELL = "\x07";
/** Maximum number of code points that one Backspace removes. Real text does not contain longer clusters. */
const LONGEST_CLUSTER = 32;

/** Edits one line at the bottom of a terminal: echo, Backspace, Ctrl-U, Ctrl-W, Ctrl-C and Ctrl-D. Other guests' lines appear above it. */
export class LineEditor implements Terminal {
  columns: number;
  readonly #actions: TerminalActions;
  readonly #decoder = new TextDecoder();
  readonly #clusters = new Intl.Segmenter(undefined, { granularity: "grapheme" });
  /** Current line, as code points. */
  #input: string[] = [];
  /** Position in an escape sequence, such as that of an arrow key. All escape sequences are ignored. */
  #escape: "none" | "started" | "parameters" | "last" = "none";
  #closed = false;

  constructor(actions: TerminalActions, columns: number) {
    this.#actions = actions;
    this.columns = columns;
    actions.write(PROMPT);
  }

  receive(bytes: Uint8Array): void {
    for (const char of this.#decoder.decode(bytes, { stream: true })) if (!this.#closed) this.#onChar(char);
    if (!this.#closed) this.#actions.write(CLEAR_ROW + this.#row());
  }

  end(): void {
    this.#leave();
  }

  print(line: string): void {
    this.#actions.write(`${CLEAR_ROW}${line}\r\n${this.#closed ? "" : this.#row()}`);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#actions.write(CLEAR_ROW);
  }

  #onChar(char: string): void {
    if (this.#escape !== "none") this.#escape = afterEscape(this.#escape, char);
    else if (char === "\r" || char === "\n") this.#submit();
    else if (char === "\x7f" || char === "\b") this.#eraseCluster();
    else if (char === "\x15") this.#input = [];
    else if (char === "\x17") this.#eraseWord();
    else if (char === "\x03" || (char === "\x04" && this.#input.length === 0)) this.#leave();
    else if (char === "\x1b") this.#escape = "started";
    else if (!/\p{Cc}/u.test(char)) this.#insert(char);
  }

  #insert(char: string): void {
    if (this.#input.length < MAX_TEXT) this.#input.push(char);
    else this.#actions.write(BELL);
  }

  #submit(): void {
    const text = this.#input.join("");
    this.#input = [];
    if (text.trim() !== "") this.#actions.line(text);
  }

  /** Erases the last grapheme cluster, which may be several code points. */
  #eraseCluster(): void {
    const end = this.#input.slice(-LONGEST_CLUSTER).join("");
    const last = [...this.#clusters.segment(end)].at(-1)?.segment ?? "";
    this.#input.length -= Array.from(last).length;
  }

  #eraseWord(): void {
    while (this.#input.at(-1) === " ") this.#input.pop();
    while (this.#input.length > 0 && this.#input.at(-1) !== " ") this.#input.pop();
  }

  #leave(): void {
    if (this.#closed) return;
    this.close();
    this.#actions.leave();
  }

  /** Returns the prompt and the end of the line, cut to one row. A row that wraps could not be erased. */
  #row(): string {
    const columns = this.columns === 0 ? 80 : this.columns;
    let room = columns - PROMPT.length - 1;
    let from = this.#input.length;
    while (from > 0) {
      room -= columnsOf(this.#input[from - 1] ?? "");
      if (room < 0) break;
      from--;
    }
    return PROMPT + printable(this.#input.slice(from).join(""));
  }
}

/** Plain lines in both directions, for clients without a pseudo-terminal. */
export class PlainLines implements Terminal {
  columns = 0;
  readonly #actions: TerminalActions;
  readonly #decoder = new TextDecoder();
  #input = "";
  #closed = false;

  constructor(actions: TerminalActions) {
    this.#actions = actions;
  }

  receive(bytes: Uint8Array): void {
    const [first = "", ...more] = this.#decoder.decode(bytes, { stream: true }).split("\n");
    this.#append(first);
    for (const text of more) {
      this.#submit();
      this.#append(text);
    }
  }

  end(): void {
    this.#submit();
    this.#actions.leave();
  }

  print(line: string): void {
    this.#actions.write(`${line}\n`);
  }

  close(): void {
    this.#closed = true;
  }

  /** Appends text. Keeps only enough of a long line for the room to refuse it as too long. */
  #append(text: string): void {
    this.#input = (this.#input + text).slice(0, MAX_TEXT * 4 + 1);
  }

  #submit(): void {
    const text = this.#input;
    this.#input = "";
    if (text.trim() !== "" && !this.#closed) this.#actions.line(text);
  }
}

type Escape = "none" | "started" | "parameters" | "last";

/** Returns the position in an escape sequence after the next character: ESC [ parameters letter, ESC O letter, or ESC letter. */
function afterEscape(position: Exclude<Escape, "none">, char: string): Escape {
  if (position === "started") return char === "[" ? "parameters" : char === "O" ? "last" : "none";
  if (position === "parameters" && !/[@-~]/.test(char)) return "parameters";
  return "none";
}

/** Returns the maximum width of a character in columns. Terminals disagree about some, so every non-ASCII character counts as wide. */
function columnsOf(char: string): number {
  if (/\p{M}/u.test(char)) return 0;
  return char < "\x7f" ? 1 : 2;
}
