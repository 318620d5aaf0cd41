// The client's side of a terminal: what it types, and what it is shown. `LineEditor` is for clients with a pseudo-terminal, which echo
// nothing themselves; `PlainLines` is for those without, such as `echo hello | ssh …`.
import { MAX_TEXT, printable } from "./text.ts";

/** What a terminal does with input. */
export interface TerminalActions {
  /** Sends text to the client. */
  write(text: string): void;
  /** The user finished a line. */
  line(text: string): void;
  /** The user wants to leave. */
  leave(): void;
}

/** A terminal of either kind. */
export interface Terminal {
  /** Handles bytes from the client. */
  receive(bytes: Uint8Array): void;
  /** Handles the end of the input. */
  end(): void;
  /** Shows a line of printable text, which may contain the colours of `bold`. */
  print(line: string): void;
  /** Ends the input. Lines may still be shown. */
  close(): void;
  /** Columns of the terminal; 0 if unknown. */
  columns: number;
}

/** Makes text bold; only for terminals. */
export function bold(text: string): string {
  return `\x1b[1m${text}\x1b[0m`;
}

const PROMPT = "> ";
/** Moves the cursor to the start of its row and erases the row. */
const CLEAR_ROW = "\r\x1b[K";
const BELL = "\x07";
/** Code points that one Backspace may remove at most; longer clusters exist only to annoy. */
const LONGEST_CLUSTER = 32;

/** Edits one line at the bottom of a terminal: echo, Backspace, Ctrl-U, Ctrl-W, Ctrl-C and Ctrl-D. Lines of others appear above it. */
export class LineEditor implements Terminal {
  columns: number;
  readonly #actions: TerminalActions;
  readonly #decoder = new TextDecoder();
  readonly #clusters = new Intl.Segmenter(undefined, { granularity: "grapheme" });
  /** The line, as code points. */
  #input: string[] = [];
  /** Position in an escape sequence, such as the one that an arrow key sends. All of them are ignored. */
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

  /** Erases the last character as the user sees it, which may be several code points. */
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

  /** Returns the prompt and as much of the line's end as fits in one row: a row that wraps could not be erased. */
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

/** Lines in both directions, for clients without a pseudo-terminal. */
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

  /** Keeps enough of a long line for the room to refuse it as too long. */
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

/** Returns the position in an escape sequence after one more character: ESC [ parameters letter, ESC O letter, or ESC letter. */
function afterEscape(position: Exclude<Escape, "none">, char: string): Escape {
  if (position === "started") return char === "[" ? "parameters" : char === "O" ? "last" : "none";
  if (position === "parameters" && !/[@-~]/.test(char)) return "parameters";
  return "none";
}

/** Returns the columns that a character takes at most. Terminals disagree about some, so all that are not ASCII count as wide. */
function columnsOf(char: string): number {
  if (/\p{M}/u.test(char)) return 0;
  return char < "\x7f" ? 1 : 2;
}
