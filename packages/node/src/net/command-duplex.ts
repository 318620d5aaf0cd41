import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { type Bytes, SshError } from "@nacre/wire";
import type { Duplex, DuplexHandler } from "nacre/extend";
import { shellCommand } from "../windows/programs.ts";
import { isWindows, showPath } from "../windows/system.ts";
import { startTimer } from "./deadline.ts";
import { withSharedReads } from "./read-buffer.ts";
import { isSystemSocket, writePieces } from "./socket-duplex.ts";

/** Milliseconds until a command that has ended one of its streams must have ended itself. */
const EXIT_TIME = 500;

/** Milliseconds for a command to read what was written before it gets SIGHUP, and from then on until SIGKILL. */
const CLOSE_TIME = 1000;

/** Windows has no SIGHUP. */
const HANG_UP = isWindows() ? "SIGTERM" : "SIGHUP";

/** A byte connection over the standard input and output of a command. */
export interface CommandDuplex extends Duplex {
  /** How the command ended, if that ended the connection: "ended with status 1". */
  readonly ending: string | undefined;
}

/**
 * Starts a command with the user's shell (`shellCommand`), and returns a byte connection over it (ssh_config(5), ProxyCommand).
 * Its stderr is this process's. When the connection is closed, the command gets SIGHUP, and SIGKILL a second later. `close` resolves when
 * it has ended. Rejects with `connection-failed` if it cannot be started.
 */
export async function commandDuplex(command: string): Promise<CommandDuplex> {
  const child = start(command);
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.on("error", (cause) => {
      const message = `cannot run the shell for \`proxyCommand\`: ${showPath(cause.message)}`;
      reject(new SshError("connection-failed", message, { cause }));
    });
  });
  return new ChildDuplex(child);
}

function start(command: string): PipedChild {
  const stdio = ["pipe", "pipe", "inherit"] as const;
  // With `exec`, the command takes the place of the shell, and gets the signals.
  const { program, words, options } = shellCommand(isWindows() ? command : `exec ${command}`);
  return spawn(program, words, { ...options, windowsHide: true, stdio: [...stdio] });
}

type PipedChild = ChildProcess & { readonly stdin: Writable; readonly stdout: Readable };

class ChildDuplex implements CommandDuplex {
  ending: string | undefined;
  readonly #child: ChildProcess;
  readonly #stdin: Writable;
  readonly #stdout: Readable;
  /** Resolves with how the command ended. */
  readonly #exit: Promise<string>;
  readonly #isSystemSocket: boolean;
  /** Set by `open`; `undefined` when the command has ended or the connection is closed. */
  #handler: DuplexHandler | undefined;
  /** Resolves when the output has ended and is read. */
  readonly #outputEnd: Promise<void>;
  #closing: Promise<void> | undefined;

  constructor(child: PipedChild) {
    this.#child = child;
    this.#stdin = child.stdin;
    this.#stdout = withSharedReads(child.stdout).pause();
    this.#isSystemSocket = isSystemSocket(this.#stdin);
    this.#exit = new Promise((resolve) => {
      child.once("exit", (status, signal) =>
        resolve(signal === null ? `ended with status ${status}` : `was ended by ${signal}`),
      );
    });
    this.#outputEnd = new Promise((resolve) => {
      this.#stdout.once("close", resolve);
    });
    // A command that ends, or closes its standard input, breaks the pipe.
    this.#stdin.on("error", (cause) => void this.#inputBroke(cause));
    this.#stdout.on("error", () => {});
    this.#stdout.on("data", (chunk: Bytes) => this.#handler?.data(chunk));
  }

  open(handler: DuplexHandler): void {
    this.#handler = handler;
    this.#stdin.on("drain", () => this.#handler?.drained());
    this.#stdout.resume();
    void this.#reportEnd();
  }

  write(pieces: readonly Bytes[]): boolean {
    return writePieces(this.#stdin, pieces, this.#isSystemSocket);
  }

  pause(): void {
    this.#stdout.pause();
  }

  resume(): void {
    this.#stdout.resume();
  }

  end(): Promise<void> {
    const stdin = this.#stdin;
    return new Promise((resolve) => {
      // Of a destroyed stream, `end` never calls back.
      if (stdin.destroyed) return resolve();
      stdin.once("close", resolve);
      stdin.end(() => resolve());
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#stop();
    return this.#closing;
  }

  reset(): Promise<void> {
    this.#stdin.destroy();
    return this.close();
  }

  async #stop(): Promise<void> {
    this.#handler = undefined;
    // Drop what the command still writes, so that it can pass on what it has read.
    this.#stdout.resume();
    await within(CLOSE_TIME, this.end());
    this.#kill(HANG_UP);
    await within(CLOSE_TIME, this.#exit);
    this.#kill("SIGKILL");
    await this.#exit;
    // Another process may still have the other ends.
    this.#stdin.destroy();
    this.#stdout.destroy();
  }

  /** Sends a signal, unless the command has ended. `ChildProcess.kill` of Deno sends only the first one. */
  #kill(signal: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    try {
      process.kill(pid!, signal);
    } catch {
      // It has just ended.
    }
  }

  async #reportEnd(): Promise<void> {
    await this.#outputEnd;
    const ending = await within(EXIT_TIME, this.#exit);
    if (this.#handler === undefined) return;
    this.ending = ending;
    this.#handler.ended();
  }

  async #inputBroke(cause: unknown): Promise<void> {
    // The end of the output says more, and usually comes too.
    await within(EXIT_TIME, this.#outputEnd);
    if (this.#stdout.closed) return;
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.failed(cause);
  }
}

/** Settles like `work`, or resolves with `undefined` after some milliseconds. */
function within<T>(milliseconds: number, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = startTimer(milliseconds, () => resolve(undefined));
    void work.then((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}
