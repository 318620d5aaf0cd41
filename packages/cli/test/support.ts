import { EventEmitter } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { type KeyInput, Terminal } from "../src/terminal.ts";

const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** A folder of the test's own, gone after it. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "nacre-"));
  folders.push(folder);
  return folder;
}

/** A terminal with a person at it who types the next answer when a prompt comes. */
export class FakeTerminal extends EventEmitter implements KeyInput {
  /** Everything shown so far. */
  shown = "";
  /** Whether the terminal shows by itself what is typed. */
  raw = false;
  /** What was typed while nothing was asked, and is in the stream already. */
  unread: Buffer | null = null;
  /** The same, and is still in the system. */
  waiting = "";
  readonly terminal: Terminal;
  readonly #answers: (string | undefined)[];

  /** `undefined` is the end of the input. */
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

  /** Typed between two questions, or after the last one. */
  read(): Buffer | null {
    const keys = this.unread;
    this.unread = null;
    return keys;
  }
}

/** A server without connections, which `close` closes unless it gives time. */
export class FakeServer {
  readonly connections = [];
  readonly closed: Promise<void>;
  /** The `grace` of each call of `close`. */
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
