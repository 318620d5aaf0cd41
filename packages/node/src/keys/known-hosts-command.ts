import { spawn } from "node:child_process";
import { escapeText, SshError } from "@nacre/wire";
import { abortedError } from "nacre/extend";
import { checkCommand } from "./known-hosts-options.ts";

/** Maximum bytes of a command's output. */
const MAX_OUTPUT = 1024 * 1024;

/** What ends a command early. */
export interface CommandLimits {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that a command may take; default no limit. */
  readonly commandTimeout?: number | undefined;
}

/**
 * Runs a command that prints known_hosts lines, without a shell. Its error output is this process's. Rejects with `usage` for an invalid
 * command, `host-key-refused` if it fails, takes longer than `commandTimeout` milliseconds or prints more than 1 MiB, or `aborted`. Its
 * process group is then dead: nothing outlives it.
 */
export async function runKnownHostsCommand(
  command: readonly string[],
  { signal, commandTimeout }: CommandLimits,
): Promise<string> {
  checkCommand(command);
  const [program, ...words] = command;
  const failed = (reason: string): SshError =>
    new SshError("host-key-refused", `the command for known hosts, ${escapeText(program)}, ${reason}`);
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortedError("the command for known hosts", signal));
    // A process group of its own: killing it also ends what the command started.
    const child = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"], detached: true, windowsHide: true });
    const output: Buffer[] = [];
    let length = 0;
    let isOver = false;
    const end = (result: string | SshError): void => {
      if (isOver) return;
      isOver = true;
      signal?.removeEventListener("abort", onAbort);
      clearTimeout(timer);
      killGroup(child.pid);
      child.stdout.destroy();
      if (typeof result === "string") resolve(result);
      else reject(result);
    };
    const onAbort = (): void => end(abortedError("the command for known hosts", signal!));
    signal?.addEventListener("abort", onAbort);
    const timer =
      commandTimeout === undefined
        ? undefined
        : setTimeout(() => end(failed(`has not ended within ${commandTimeout} ms`)), commandTimeout);
    child.stdout.on("data", (chunk: Buffer) => {
      output.push(chunk);
      length += chunk.length;
      // rule: known-hosts-output
      if (length > MAX_OUTPUT) end(failed("prints more than 1 MiB"));
    });
    child.on("error", (cause) => end(failed(`cannot run: ${escapeText(cause.message)}`)));
    // Lines may still be in the pipe when the process exits. A child of it may hold the pipe open for ever.
    child.on("exit", () => setTimeout(() => child.stdout.destroy(), 1000).unref());
    child.on("close", (status, killed) =>
      end(
        // rule: known-hosts-status
        status === 0
          ? Buffer.concat(output).toString("latin1")
          : failed(killed === null ? `ended with status ${status}` : `was killed by ${killed}`),
      ),
    );
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
  } catch {
    // All processes of the group have ended.
  }
}
