import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
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

/** What a terminal needs of the system. */
export interface TerminalPort {
  readonly write: (text: string) => void;
  /** Drops what was typed and has not reached `KeyInput` yet. */
  readonly discard?: () => void;
  readonly release?: () => void;
}

/**
 * Asks a person, who may be elsewhere than standard input and output. Questions are asked one after the other. Nothing typed or
 * pasted before a question answers it: it could not have been meant for it. Texts are shown as they are: escape those from a server
 * first.
 */
export class Terminal {
  readonly #input: KeyInput;
  readonly #port: TerminalPort;
  #decoder = new StringDecoder("utf8");
  #typedAhead = "";

  constructor(input: KeyInput, port: TerminalPort) {
    this.#input = input;
    this.#port = port;
  }

  /** Shows text, which ends with a newline. */
  show(text: string): void {
    this.#port.write(text);
  }

  /**
   * Asks for one line, after dropping what was typed before. With `echo` the line is seen as it is typed. Backspace and ^U take back;
   * ^C, and ^D or the input's end on an empty line, reject with `auth-cancelled`.
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
        this.#port.write("\n");
      };
      const cancel = (): void => {
        settle();
        reject(new SshError("auth-cancelled", "the question was not answered"));
      };
      const takeBack = (count: number): void => {
        const kept = answer.slice(0, Math.max(0, answer.length - count));
        if (echo) this.#port.write("\b \b".repeat(answer.length - kept.length));
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
          if (echo) this.#port.write(key);
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

      // Raw, so that nothing is shown that we do not show; before the prompt, whose answer may come at once. An unfinished line can be
      // read, and so dropped, in this mode only.
      // rule: raw-before-discard
      input.setRawMode(true);
      // rule: discard-type-ahead
      this.#discard();
      this.#port.write(prompt);
      input.on("data", onData);
      input.on("end", cancel);
      input.resume();
    });
  }

  /** Drops what was typed so far, wherever it waits: in the system, in the stream, or here. */
  #discard(): void {
    // rule: discard-unread
    this.#port.discard?.();
    // rule: discard-input
    this.#input.read();
    // rule: discard-half-character
    this.#decoder = new StringDecoder("utf8");
    // rule: discard-typed-line
    this.#typedAhead = "";
  }

  /** Releases the terminal. Returns what was typed after the last answer. */
  close(): string {
    // A paused stream has often read one more chunk already.
    const unread = this.#input.read();
    if (unread !== null) this.#typedAhead += this.#decoder.write(unread);
    this.#port.release?.();
    return this.#typedAhead;
  }
}

/**
 * The terminal that this process belongs to, whatever its standard streams are; where the system has no such thing, standard
 * input with standard error, if both are terminals. `undefined` when there is nobody to ask.
 */
export function openTerminal(): Terminal | undefined {
  try {
    return terminalOn(openTerminalDescriptors());
  } catch {
    const { stdin, stderr } = process;
    if (!stdin.isTTY || !stderr.isTTY) return undefined;
    return new Terminal(stdin, { write: (text) => stderr.write(text) });
  }
}

/** A terminal opened: for writing, for reading, and for reading without waiting. */
export type TerminalDescriptors = readonly [output: number, input: number, unread: number];

/** Opens the terminal that this process belongs to. Throws if it has no terminal. */
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

/** A terminal that is open already. */
export function terminalOn([output, input, unread]: TerminalDescriptors): Terminal {
  const keys = new ReadStream(input);
  return new Terminal(keys, {
    write: (text) => writeSync(output, text),
    // rule: discard-port
    discard: () => discard(unread),
    release: () => {
      keys.destroy();
      closeSync(output);
      closeSync(unread);
    },
  });
}

/** The most that is dropped before one question: bytes. The system keeps 4 KiB; only something that types without end exceeds this. */
const MAX_DISCARDED = 1024 * 1024;

/** Reads what a terminal has, without waiting for more: what tcflush(3) does, which Node lacks. */
function discard(terminal: number): void {
  const piece = new Uint8Array(4096);
  try {
    for (let left = MAX_DISCARDED; left > 0; ) {
      // rule: discard-terminal
      const length = readSync(terminal, piece);
      if (length === 0) return;
      left -= length;
    }
  } catch {
    // EAGAIN: nothing is left. EIO: the terminal has gone, which the question will tell.
  }
}
