import { type ChildProcess, spawn } from "node:child_process";
import { abortedError, onAbort } from "nacre/extend";
import type { ProgramCall } from "../windows/programs.ts";
import { isWindows } from "../windows/system.ts";
import { startTimer } from "./deadline.ts";

/** Bounds of a command. */
export interface CommandBounds {
  /** Names the command in errors. */
  readonly what: string;
  /** Maximum bytes of its output; default 0: what it writes is dropped. */
  readonly maxOutput?: number | undefined;
  /** Time limit in milliseconds; none by default. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a command ended. */
export type CommandEnd =
  | { readonly type: "exit"; readonly status: number; readonly output: Uint8Array }
  | { readonly type: "killed"; readonly by: NodeJS.Signals }
  | { readonly type: "not-started"; readonly cause: Error }
  /** It wrote more than `maxOutput`. */
  | { readonly type: "too-long" }
  /** It took longer than `timeout`. */
  | { readonly type: "too-late" };

/** Milliseconds for the rest of the output after the exit. A child of the command may hold the pipe open for ever. */
const OUTPUT_TIME = 1000;

/**
 * Runs a program without input, and resolves with how it ended. Its standard error is this process's. It has a process group of its own,
 * which is killed when it ends, at a bound, and with this process. Rejects with `aborted`.
 */
export function runCommand(
  { program, words, options }: ProgramCall,
  { what, maxOutput = 0, timeout, signal }: CommandBounds,
): Promise<CommandEnd> {
  if (signal?.aborted) return Promise.reject(abortedError(what, signal));
  return new Promise((resolve, reject) => {
    const stdio = ["ignore", maxOutput > 0 ? "pipe" : "ignore", "inherit"] as const;
    let child: ChildProcess;
    try {
      child = spawn(program, words, { ...options, stdio: [...stdio], detached: true, windowsHide: true });
    } catch (cause) {
      // On Windows, spawn throws for a file that is not a program, such as one that ends in .cmd.
      resolve({ type: "not-started", cause: cause as Error });
      return;
    }
    const killGroup = (): void => {
      if (child.pid === undefined) return;
      try {
        // rule: command-group
        process.kill(isWindows() ? child.pid : -child.pid, "SIGKILL");
      } catch {
        // No process of the group is left.
      }
    };
    let isOver = false;
    const settle = (report: () => void): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      unwatch?.();
      process.off("exit", killGroup);
      killGroup();
      child.stdout?.destroy();
      report();
    };
    const end = (how: CommandEnd): void => settle(() => resolve(how));
    process.on("exit", killGroup);
    const timer = timeout === undefined ? undefined : startTimer(timeout, () => end({ type: "too-late" }));
    const unwatch = signal && onAbort(signal, () => settle(() => reject(abortedError(what, signal))));
    const output: Uint8Array[] = [];
    let length = 0;
    child.stdout?.on("data", (chunk: Uint8Array) => {
      output.push(chunk);
      length += chunk.length;
      // rule: command-output
      if (length > maxOutput) end({ type: "too-long" });
    });
    child.on("error", (cause) => end({ type: "not-started", cause }));
    child.on("exit", () => startTimer(OUTPUT_TIME, () => child.stdout?.destroy()).unref());
    child.on("close", (status, by) =>
      end(by === null ? { type: "exit", status: status!, output: Buffer.concat(output) } : { type: "killed", by }),
    );
  });
}
