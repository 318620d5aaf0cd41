import { EventEmitter } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type KeyInput, Terminal } from "../src/terminal/terminal.ts";

/** Creates a folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "nacre-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** Fake terminal that types the next answer after each prompt. */
export class FakeTerminal extends EventEmitter implements KeyInput {
  /** Text shown so far. */
  shown = "";
  /** Whether raw mode is on, which disables the terminal's own echo. */
  raw = false;
  /** Input typed between questions that the stream has already read. */
  unread: Buffer | null = null;
  /** Input typed between questions that is still in the system's buffer. */
  waiting = "";
  /** How often ^C was passed on. */
  interrupts = 0;
  readonly terminal: Terminal;
  readonly #answers: (string | undefined)[];

  /** `answers` are typed in order; `undefined` ends the input. */
  constructor(...answers: (string | undefined)[]) {
    super();
    this.#answers = answers;
    this.terminal = new Terminal(this, {
      write: (text) => {
        this.shown += text;
      },
      discard: () => {
        this.waiting = "";
      },
      interrupt: () => void this.interrupts++,
    });
  }

  setRawMode(raw: boolean): void {
    this.raw = raw;
  }

  resume(): void {
    queueMicrotask(() => {
      const earlier = Buffer.concat([this.read() ?? Buffer.of(), Buffer.from(this.waiting)]);
      this.waiting = "";
      if (earlier.length > 0) this.emit("data", earlier);
      if (this.#answers.length === 0 || this.listenerCount("data") === 0) return;
      const answer = this.#answers.shift();
      if (answer === undefined) this.emit("end");
      else this.emit("data", Buffer.from(answer));
    });
  }

  pause(): void {}

  /** Returns `unread` once, like a paused stream. */
  read(): Buffer | null {
    const keys = this.unread;
    this.unread = null;
    return keys;
  }
}

/** Fake server without connections. `close` closes it only when called without `grace`. */
export class FakeServer {
  readonly connections = [];
  readonly closed: Promise<void>;
  /** `grace` of each `close` call. */
  readonly graces: (number | undefined)[] = [];
  #closed!: () => void;

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#closed = resolve;
    });
  }

  close({ grace }: { readonly grace?: number } = {}): Promise<void> {
    this.graces.push(grace);
    if (grace === undefined) this.#closed();
    return this.closed;
  }
}
