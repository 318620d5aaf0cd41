import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { ReadStream } from "node:tty";
import { SshError } from "@nacre/wire";

/** Source of typed keys: a terminal's read stream, or a fake in tests. */
export interface KeyInput {
  setRawMode(raw: boolean): unknown;
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  off(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  off(event: "end", listener: () => void): unknown;
  resume(): unknown;
  pause(): unknown;
  /** Returns input that arrived while paused, or `null`. */
  read(): Uint8Array | null;
}

/** Maximum characters of an answer; further ones are ignored. */
const MAX_ANSWER = 8192;

/** System functions that a terminal uses. */
export interface TerminalPort {
  readonly write: (text: string) => void;
  /** Discards typed input that has not reached `KeyInput` yet. */
  readonly discard?: () => void;
  readonly release?: () => void;
}

/**
 * Asks questions at a terminal, which need not be standard input and output. Ask one question at a time. Input typed or pasted before a
 * question is discarded, because it was not meant as its answer. Texts are shown unchanged; escape texts from a server first.
 */
export class Terminal {
  readonly #input: KeyInput;
  readonly #port: TerminalPort;
  #decoder = new StringDecoder("utf8");
  #typedAhead = "";
  #isClosed = false;

  constructor(input: KeyInput, port: TerminalPort) {
    this.#input = input;
    this.#port = port;
  }

  /** Shows text. End it with a newline. */
  show(text: string): void {
    this.#port.write(text);
  }

  /**
   * Discards earlier input, shows the prompt and resolves with one line. With `echo`, shows the line as it is typed. Backspace deletes a
   * character, ^U the whole line. Rejects with `auth-cancelled` on ^C, at the end of the input, or on ^D in an empty line.
   */
  ask(prompt: string, { echo }: { readonly echo: boolean }): Promise<string> {
    return new Promise((resolve, reject) => {
      // A connection that is made again asks nothing: its terminal is somebody else's by then.
      if (this.#isClosed)
        throw new SshError("auth-cancelled", "the terminal answers no more questions after the login");
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
        reject(new SshError("auth-cancelled", "question cancelled at the terminal"));
      };
      const erase = (count: number): void => {
        const kept = answer.slice(0, Math.max(0, answer.length - count));
        if (echo) this.#port.write("\b \b".repeat(answer.length - kept.length));
        answer = kept;
      };
      /** Handles a key. Returns whether the question is finished. */
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
        if (key === "\x7f" || key === "\b") erase(1);
        else if (key === "\x15") erase(answer.length);
        else if (!/\p{Cc}/u.test(key) && answer.length < MAX_ANSWER) {
          answer.push(key);
          if (echo) this.#port.write(key);
        }
        return false;
      };
      const onKeys = (): void => {
        const keys = this.#typedAhead;
        let at = 0;
        let isFinished = false;
        while (at < keys.length && !isFinished) {
          const key = String.fromCodePoint(keys.codePointAt(at)!);
          at += key.length;
          isFinished = onKey(key);
        }
        this.#typedAhead = keys.slice(at);
      };
      const onData = (chunk: Uint8Array): void => {
        this.#typedAhead += this.#decoder.write(chunk);
        onKeys();
      };

      // Before the prompt, because an answer may follow immediately. Raw mode disables the system's echo. It also makes an unfinished line
      // readable, which is needed to discard it.
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

  /** Discards all earlier input: in the system's buffer, in the stream, and in this object. */
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

  /** Releases the terminal. Returns the input typed after the last answer. */
  close(): string {
    this.#isClosed = true;
    // A paused stream may already have read one more chunk.
    const unread = this.#input.read();
    if (unread !== null) this.#typedAhead += this.#decoder.write(unread);
    this.#port.release?.();
    return this.#typedAhead;
  }
}

/**
 * Opens the controlling terminal of this process, even if the standard streams are redirected. Without one, falls back to standard input
 * and standard error if both are terminals. Returns `undefined` if there is no terminal.
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

/** Descriptors of an open terminal: for writing, for reading, and for non-blocking reading. */
export type TerminalDescriptors = readonly [output: number, input: number, unread: number];

/** Opens the controlling terminal of this process. Throws if it has none. */
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

/** Returns a `Terminal` on descriptors that are already open. */
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

/** Maximum bytes discarded before a question. The system buffers 4 KiB; only an endless source of input reaches this limit. */
const MAX_DISCARDED = 1024 * 1024;

/** Discards a terminal's pending input without blocking, like tcflush(3), which Node lacks. */
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
    // EAGAIN: nothing is left. EIO: the terminal is gone; the question itself will report that.
  }
}
