import { spawn } from "node:child_process";
import { SshError } from "@nacre/wire";
import { abortedError, onAbort } from "nacre/extend";

/** How to run a command. */
export interface CommandOptions {
  readonly shell: string;
  /** Names the command in errors. */
  readonly what: string;
  /** Time limit in milliseconds; none by default. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Status of a command that cannot be started or that a signal ended. */
const FAILED = 255;

/**
 * Runs `SHELL -c COMMAND` without input and output, as `Match exec` does, and resolves with its status. What it writes to standard error is
 * shown. It has a process group of its own, which ends with it, with the time limit, with the signal, and with this process. Rejects with
 * `aborted`.
 */
export function runCommand(command: string, options: CommandOptions): Promise<number> {
  const { shell, what, timeout, signal } = options;
  if (signal?.aborted) return Promise.reject(abortedError(what, signal));
  return new Promise((resolve, reject) => {
    const child = spawn(shell, ["-c", command], { detached: true, stdio: ["ignore", "ignore", "inherit"] });
    const killGroup = (): void => {
      try {
        // rule: config-command-group
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // No process of the group is left.
      }
    };
    const settle = (): void => {
      clearTimeout(timer);
      unwatch?.();
      process.off("exit", killGroup);
      killGroup();
    };
    const fail = (error: SshError): void => {
      settle();
      reject(error);
    };
    const timer =
      timeout === undefined
        ? undefined
        : setTimeout(() => fail(new SshError("aborted", `${what} took longer than ${timeout} ms`)), timeout);
    const unwatch = signal && onAbort(signal, () => fail(abortedError(what, signal)));
    process.on("exit", killGroup);
    child.on("error", () => {
      settle();
      resolve(FAILED);
    });
    child.on("exit", (status) => {
      settle();
      resolve(status ?? FAILED);
    });
  });
}
