import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { ReadStream, WriteStream } from "node:tty";
import { isWindows } from "@nacre/node/extend";
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

/** Milliseconds without input after which nothing typed before a question is left, where the system cannot discard it. */
const QUIET_TIME = 20;

/** System functions that a terminal uses. */
export interface TerminalPort {
  readonly write: (text: string) => void;
  /** Discards typed input that has not reached `KeyInput` yet. Without it, input is read and dropped until none comes. */
  readonly discard?: () => void;
  /** Does what ^C would do outside of raw mode. */
  readonly interrupt?: (() => void) | undefined;
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
  /** Whether the input ended before a question was shown. */
  #hasEnded = false;

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
  async ask(prompt: string, { echo }: { readonly echo: boolean }): Promise<string> {
    // A connection that is made again asks nothing: its terminal is somebody else's by then.
    if (this.#isClosed) throw new SshError("auth-cancelled", "the terminal answers no more questions after the login");
    const input = this.#input;
    // Before the prompt, because an answer may follow immediately. Raw mode disables the system's echo. It also makes an unfinished line
    // readable, which is needed to discard it.
    // rule: raw-before-discard
    input.setRawMode(true);
    // rule: discard-type-ahead
    this.#discard();
    // rule: discard-until-quiet
    if (this.#port.discard === undefined) await this.#dropInput();
    if (this.#isClosed) throw new SshError("auth-cancelled", "the terminal was closed before the question");
    return new Promise((resolve, reject) => {
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
          if (key === "\x03") this.#port.interrupt?.();
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

      this.#port.write(prompt);
      if (this.#hasEnded) {
        cancel();
        return;
      }
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

  /** Reads and drops input until none comes for `QUIET_TIME`, or the input ends. */
  #dropInput(): Promise<void> {
    const input = this.#input;
    return new Promise((resolve) => {
      let left = MAX_DISCARDED;
      const stop = (): void => {
        clearTimeout(timer);
        input.off("data", onData);
        input.off("end", onEnd);
        input.pause();
        resolve();
      };
      const onData = (chunk: Uint8Array): void => {
        left -= chunk.length;
        if (left > 0) timer.refresh();
      };
      const onEnd = (): void => {
        this.#hasEnded = true;
        stop();
      };
      const timer = setTimeout(stop, QUIET_TIME);
      input.on("data", onData);
      input.on("end", onEnd);
      input.resume();
    });
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

/** Options of `openTerminal`. */
export interface TerminalOptions {
  /** Whether ^C at a question also interrupts this process and the others of its group; default true. Not on Windows. */
  readonly isInterruptible?: boolean;
}

/**
 * Opens the controlling terminal of this process, or on Windows its console, even if the standard streams are redirected. Without one,
 * falls back to standard input and standard error if both are terminals. Returns `undefined` if there is no terminal.
 */
export function openTerminal({ isInterruptible = true }: TerminalOptions = {}): Terminal | undefined {
  try {
    // As outside of raw mode, so that a loop of the shell that runs this process ends, too.
    const interrupt = isInterruptible ? () => process.kill(0, "SIGINT") : undefined;
    return terminalOn(openTerminalDescriptors(), interrupt);
  } catch {
    const { stdin, stderr } = process;
    if (stdin.isTTY && stderr.isTTY) return new Terminal(stdin, { write: (text) => stderr.write(text) });
    return isWindows() ? openConsole() : undefined;
  }
}

/** Opens the console of a process of Windows whose standard streams are redirected. Returns `undefined` if it has none. */
function openConsole(): Terminal | undefined {
  const opened: number[] = [];
  try {
    // Raw mode is set with the right to write to the input.
    for (const name of ["CONIN$", "CONOUT$"]) opened.push(openSync(`\\\\.\\${name}`, "r+"));
    const [keys, screen] = [new ReadStream(opened[0]!), new WriteStream(opened[1]!)];
    return new Terminal(keys, {
      // Of a console, `writeSync` garbles characters beyond ASCII.
      write: (text) => screen.write(text),
      release: () => {
        keys.destroy();
        screen.destroy();
      },
    });
  } catch {
    opened.forEach(closeSync);
    return undefined;
  }
}

/** Descriptors of an open terminal: for writing, for reading, and for non-blocking reading. */
export type TerminalDescriptors = readonly [output: number, input: number, unread: number];

/** Opens the controlling terminal of this process. Throws if it has none, and on Windows, where `/dev/tty` would be a file. */
export function openTerminalDescriptors(): TerminalDescriptors {
  if (isWindows()) throw new Error("Windows has no /dev/tty");
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

/** Returns a `Terminal` on descriptors that are already open. `interrupt` is what ^C does beside cancelling the question. */
export function terminalOn([output, input, unread]: TerminalDescriptors, interrupt?: () => void): Terminal {
  const keys = new ReadStream(input);
  return new Terminal(keys, {
    write: (text) => writeSync(output, text),
    // rule: discard-port
    discard: () => discard(unread),
    interrupt,
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
