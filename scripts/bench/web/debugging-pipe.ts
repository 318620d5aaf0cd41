import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

/** Message of the Chrome DevTools Protocol. */
interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

interface Call {
  readonly method: string;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Time in milliseconds that the browser has to end. */
const CLOSE_TIMEOUT = 5000;

/**
 * Chromium, driven through the Chrome DevTools Protocol on a pipe. Only the domains that the caller enables are active. Playwright enables
 * `Network`, with which the browser reports the content of each WebSocket message: a transfer would then cost several times as much.
 */
export class DebuggingPipe {
  readonly #process: ChildProcess;
  readonly #calls = new Map<number, Call>();
  readonly #waiting: { readonly method: string; readonly sessionId: string; readonly resolve: () => void }[] = [];
  #lastId = 0;
  #unread = "";

  /** Starts Chromium with these arguments and environment variables. */
  constructor(program: string, words: readonly string[], env: Readonly<Record<string, string>>) {
    this.#process = spawn(program, [...words, "--remote-debugging-pipe"], {
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    this.#process.on("error", (error) => this.#failAll(error));
    this.#process.on("exit", (status) => this.#failAll(new Error(`Chromium ended with status ${status}`)));
    const output = this.#process.stdio[4] as Readable;
    output.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    this.#input.on("error", (error) => this.#failAll(error));
  }

  /** Calls a method. `sessionId` selects a page; without it, the method applies to the browser. Rejects if the method fails. */
  async call<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    const id = ++this.#lastId;
    const result = new Promise<unknown>((resolve, reject) => this.#calls.set(id, { method, resolve, reject }));
    this.#input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return (await result) as T;
  }

  /** Resolves at the next event with this name in a session. */
  event(method: string, sessionId: string): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ method, sessionId, resolve });
    });
  }

  /** Ends the browser; kills it after 5 s. */
  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), CLOSE_TIMEOUT);
    void this.call("Browser.close").catch(() => {});
    await ended;
    clearTimeout(timer);
  }

  /** Kills the browser, when the run is interrupted. */
  kill(): void {
    this.#process.kill("SIGKILL");
  }

  get #input(): Writable {
    return this.#process.stdio[3] as Writable;
  }

  #read(text: string): void {
    const messages = (this.#unread + text).split("\0");
    this.#unread = messages.pop() ?? "";
    for (const message of messages) this.#handle(JSON.parse(message) as Message);
  }

  #handle({ id, method, sessionId, result, error }: Message): void {
    if (id === undefined) {
      const index = this.#waiting.findIndex((one) => one.method === method && one.sessionId === sessionId);
      if (index >= 0) this.#waiting.splice(index, 1)[0]!.resolve();
      return;
    }
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error === undefined) call?.resolve(result);
    else call?.reject(new Error(`${call.method}: ${error.message}`));
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }
}
