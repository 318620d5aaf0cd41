import { startProgram } from "../program.ts";

/** Output and exit status of a command. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit status; 128 if a signal ended the command, 127 if it could not be started. */
  readonly status: number;
}

export interface RunOptions {
  /** Data for standard input, which is then closed; default empty. */
  readonly input?: string | Uint8Array;
  /** Time limit in milliseconds; default 30,000. On expiry the command is killed and the promise rejects. */
  readonly timeoutMs?: number;
  /** Environment variables, added to those of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a command and waits for its end. Resolves with any exit status.
 *
 * @throws if the command takes longer than `timeoutMs`. It is killed then.
 */
export function run(command: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  return new Promise((resolve, reject) => {
    const child = startProgram(command, { env: options.env ?? {} });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      // A grandchild may keep the pipes open after the command is killed.
      child.stdout.destroy();
      child.stderr.destroy();
      reject(new Error(`command did not end within ${timeoutMs} ms: ${command.join(" ")}\n${tail(stderr)}`));
    }, timeoutMs);
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    // A write fails with EPIPE if the command does not read its input or could not be started.
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
    child.on("error", (error: Error) => {
      clearTimeout(timer);
      resolve({ stdout: "", stderr: error.message, status: 127 });
    });
    child.on("close", (status: number | null) => {
      clearTimeout(timer);
      resolve({
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
        status: status ?? 128,
      });
    });
  });
}

/**
 * Runs a command that must succeed, and returns its standard output.
 *
 * @throws if the exit status is not 0, with the last 20 lines of its output.
 */
export async function must(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(command, options);
  if (result.status !== 0) {
    const said = tail([Buffer.from(result.stderr || result.stdout)]);
    throw new Error(`command failed with status ${result.status}: ${command.join(" ")}\n${said}`);
  }
  return result.stdout;
}

function tail(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString().trimEnd().split("\n").slice(-20).join("\n");
}

/** Prints a line on standard error about a slow or unexpected step. */
export function say(line: string): void {
  process.stderr.write(`openssh: ${line}\n`);
}
