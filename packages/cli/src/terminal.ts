import { closeSync, openSync, writeSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { ReadStream } from "node:tty";
import { SshError } from "@nacre/wire";

/** Where a person's keys arrive: a terminal, or what stands for one in a test. */
export interface KeyInput {
  setRawMode(raw: boolean): unknown;
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  off(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  off(event: "end", listener: () => void): unknown;
  resume(): unknown;
  pause(): unknown;
  /** What arrived while it was paused; `null` when nothing did. */
  read(): Uint8Array | null;
}

/** Characters of an answer at most; what exceeds them is not taken. */
const MAX_ANSWER = 8192;

/**
 * Asks a person, who may be elsewhere than standard input and output. Questions are asked one after the other; keys that
 * were typed ahead answer the next one. Texts are shown as they are: whoever has them from a server escapes them before.
 */
export class Terminal {
  readonly #input: KeyInput;
  readonly #write: (text: string) => void;
  readonly #release: () => void;
  readonly #decoder = new StringDecoder("utf8");
  #typedAhead = "";

  constructor(input: KeyInput, write: (text: string) => void, release: () => void = () => {}) {
    this.#input = input;
    this.#write = write;
    this.#release = release;
  }

  /** Shows text, which ends with a newline. */
  show(text: string): void {
    this.#write(text);
  }

  /**
   * Asks for one line. With `echo` it is seen as it is typed. Backspace and ^U take back; ^C, and ^D or the input's end on an
   * empty line, reject with `auth-cancelled`.
   */
  ask(prompt: string, { echo }: { readonly echo: boolean }): Promise<string> {
    return new Promise((resolve, reject) => {
      const input = this.#input;
      let answer: string[] = [];
      const settle = (): void => {
        input.off("data", onData);
        input.off("end", cancel);
        input.pause();
        input.setRawMode(false);
        this.#write("\n");
      };
      const cancel = (): void => {
        settle();
        reject(new SshError("auth-cancelled", "the question was not answered"));
      };
      const takeBack = (count: number): void => {
        const kept = answer.slice(0, Math.max(0, answer.length - count));
        if (echo) this.#write("\b \b".repeat(answer.length - kept.length));
        answer = kept;
      };
      /** Whether the question is over. */
      const onKey = (key: string): boolean => {
        if (key === "\r" || key === "\n") {
          settle();
          resolve(answer.join(""));
          return true;
        }
        if (key === "\x03" || (key === "\x04" && answer.length === 0)) {
          cancel();
          return true;
        }
        if (key === "\x7f" || key === "\b") takeBack(1);
        else if (key === "\x15") takeBack(answer.length);
        else if (!/\p{Cc}/u.test(key) && answer.length < MAX_ANSWER) {
          answer.push(key);
          if (echo) this.#write(key);
        }
        return false;
      };
      const onKeys = (): void => {
        const keys = this.#typedAhead;
        let at = 0;
        let isOver = false;
        while (at < keys.length && !isOver) {
          const key = String.fromCodePoint(keys.codePointAt(at)!);
          at += key.length;
          isOver = onKey(key);
        }
        this.#typedAhead = keys.slice(at);
      };
      const onData = (chunk: Uint8Array): void => {
        this.#typedAhead += this.#decoder.write(chunk);
        onKeys();
      };

      // Raw, so that nothing is shown that we do not show; before the prompt, whose answer may come at once.
      input.setRawMode(true);
      this.#write(prompt);
      input.on("data", onData);
      input.on("end", cancel);
      input.resume();
      onKeys();
    });
  }

  /** Releases the terminal. Returns what was typed ahead. */
  close(): string {
    // A paused stream has often read one more chunk already.
    const unread = this.#input.read();
    if (unread !== null) this.#typedAhead += this.#decoder.write(unread);
    this.#release();
    return this.#typedAhead;
  }
}

/**
 * The terminal that this process belongs to, whatever its standard streams are; where the system has no such thing, standard
 * input with standard error, if both are terminals. `undefined` when there is nobody to ask.
 */
export function openTerminal(): Terminal | undefined {
  try {
    const output = openSync("/dev/tty", "w");
    const input = new ReadStream(openSync("/dev/tty", "r"));
    const release = (): void => {
      input.destroy();
      closeSync(output);
    };
    return new Terminal(input, (text) => writeSync(output, text), release);
  } catch {
    const { stdin, stderr } = process;
    if (!stdin.isTTY || !stderr.isTTY) return undefined;
    return new Terminal(stdin, (text) => stderr.write(text));
  }
}
