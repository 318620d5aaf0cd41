import { spawn } from "node:child_process";

/** What a finished command left behind. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Its exit status; 128 for an end by a signal, 127 when there is no such program. */
  readonly status: number;
}

export interface RunOptions {
  /** Given to its standard input, which is then closed. */
  readonly input?: string | Uint8Array;
  /** Milliseconds after which it is killed and an error is thrown; 30 000 unless told. */
  readonly timeoutMs?: number;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a command to its end, however it ends.
 *
 * @throws when it takes longer than `timeoutMs`; it is killed then.
 */
export function run(command: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  const [program = "", ...args] = command;
  const timeoutMs = options.timeoutMs ?? 30_000;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...options.env } });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      // A grandchild may hold the pipes open for as long as it likes.
      child.stdout.destroy();
      child.stderr.destroy();
      reject(new Error(`no end after ${timeoutMs} ms: ${command.join(" ")}\n${tail(stderr)}`));
    }, timeoutMs);
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    // A command that does not read its input, or that could not be started, closes it early.
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
    child.on("error", (error) => {
      clearTimeout(timer);
      resolve({ stdout: "", stderr: error.message, status: 127 });
    });
    child.on("close", (status) => {
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
 * Runs a command that has to succeed, and gives its standard output.
 *
 * @throws when it does not exit with 0; the message ends with the last lines it said.
 */
export async function must(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(command, options);
  if (result.status !== 0) {
    const said = tail([Buffer.from(result.stderr || result.stdout)]);
    throw new Error(`status ${result.status} of: ${command.join(" ")}\n${said}`);
  }
  return result.stdout;
}

function tail(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString().trimEnd().split("\n").slice(-20).join("\n");
}

/** A line about a slow step or a surprise, on standard error. */
export function say(line: string): void {
  process.stderr.write(`openssh: ${line}\n`);
}
