import { type ChildProcess, spawn } from "node:child_process";
import type { Hash } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";

/** A command to run and measure. */
export interface MeasuredRun {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** File for standard input; default /dev/null. */
  readonly inputFile?: string | undefined;
  /** Destination of standard output: `kept` as text, `counted` (sent to /dev/null, with only its size known), or a hash. */
  readonly output: "kept" | "counted" | Hash;
  readonly timeoutMs: number;
  /** Path of a network namespace to run in. */
  readonly namespace?: string | undefined;
  /** Called at the first byte of output, unless it is only counted. */
  readonly onFirst?: (() => void) | undefined;
}

export interface MeasuredRunResult {
  readonly stdout: string;
  /** Number of bytes that the process wrote, as counted by the kernel. */
  readonly written: number;
  /** Time from the start of the process to the first byte of output, in milliseconds; `undefined` if the output is only counted. */
  readonly firstMs: number | undefined;
  /** Time from the start of the process to its end. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

/**
 * Script of a shell that runs the command and reports on file descriptor 3: the start time and the process id, and at the end the end time,
 * the exit status, the bytes that its children wrote, and their CPU time (`times` of a shell comes from wait4).
 */
const shell = `
written() { while read -r key value; do [ $key != wchar: ] || echo $value; done </proc/$$/io; }
echo "start $EPOCHREALTIME" >&3
"$@" <&0 3>&- &
echo "pid $!" >&3
wait $!
status=$?
echo "end $EPOCHREALTIME $status $(written)" >&3
times >&3
`;

const running = new Set<ChildProcess>();

/** Kills all commands that run. Called when the run is interrupted. */
export function killCommands(): void {
  for (const { pid } of running) if (pid !== undefined) killGroup(pid);
}

/** Runs a command and measures the whole process. Throws if it does not exit with status 0 within `timeoutMs`. */
export async function runMeasured(options: MeasuredRun): Promise<MeasuredRunResult> {
  const { output } = options;
  const name = options.command[0];
  const input = openSync(options.inputFile ?? "/dev/null", "r");
  const within = options.namespace === undefined ? [] : ["nsenter", `--net=${options.namespace}`];
  const [program = "", ...args] = [...within, "bash", "-c", shell, "bash", ...options.command];
  const child = spawn(program, args, {
    stdio: [input, output === "counted" ? "ignore" : "pipe", "pipe", "pipe"],
    env: { ...process.env, LC_ALL: "C" },
    // A process group of its own, so that one signal ends both shell and command.
    detached: true,
  });
  closeSync(input);
  running.add(child);
  let stdout = "";
  let stderr = "";
  let notes = "";
  let firstAt: number | undefined;
  const peak = { timer: undefined as NodeJS.Timeout | undefined, kiB: 0 };
  child.stdout?.on("data", (chunk: Buffer) => {
    if (firstAt === undefined) {
      firstAt = performance.timeOrigin + performance.now();
      options.onFirst?.();
    }
    if (output === "kept") stdout += chunk.toString();
    else if (output !== "counted") output.update(chunk);
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-2000);
  });
  child.stdio[3]?.on("data", (chunk: Buffer) => {
    notes += chunk.toString();
    const pid = /^pid (\d+)$/m.exec(notes)?.[1];
    if (pid !== undefined) peak.timer ??= setInterval(() => void samplePeak(pid, peak), 20);
  });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    if (child.pid !== undefined) killGroup(child.pid);
  }, options.timeoutMs);
  try {
    await new Promise<void>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", () => resolve());
    });
  } finally {
    clearTimeout(timer);
    clearInterval(peak.timer);
    running.delete(child);
  }
  if (timedOut) throw new Error(`${name} did not end within ${options.timeoutMs} ms: ${stderr}`);
  const noted = parseNotes(notes);
  if (noted === undefined || noted.status !== 0)
    throw new Error(`${name} exited with status ${noted?.status}: ${stderr}`);
  const { startedAt, endedAt, written, cpuSeconds } = noted;
  return {
    stdout,
    written,
    firstMs: firstAt === undefined ? undefined : firstAt - startedAt * 1000,
    seconds: endedAt - startedAt,
    cpuSeconds,
    peakMiB: peak.kiB / 1024,
  };
}

/** Parses the report of the shell. `times` prints user and system time, first of the shell, then of its children: `0m1.002s 0m0.251s`. */
function parseNotes(notes: string):
  | {
      readonly startedAt: number;
      readonly endedAt: number;
      readonly status: number;
      readonly written: number;
      readonly cpuSeconds: number;
    }
  | undefined {
  const started = /^start ([\d.]+)$/m.exec(notes);
  const ended = /^end ([\d.]+) (\d+) (\d*)$/m.exec(notes);
  const times = [...notes.matchAll(/^(\d+)m([\d.]+)s (\d+)m([\d.]+)s$/gm)][1]?.slice(1).map(Number);
  if (started === null || ended === null || times === undefined) return undefined;
  const [userMinutes = 0, user = 0, systemMinutes = 0, system = 0] = times;
  return {
    startedAt: Number(started[1]),
    endedAt: Number(ended[1]),
    status: Number(ended[2]),
    written: Number(ended[3]),
    cpuSeconds: (userMinutes + systemMinutes) * 60 + user + system,
  };
}

/** Records VmHWM, the peak of resident memory so far. With a sample every 20 ms, only growth in the last 20 ms can be missed. */
async function samplePeak(pid: string, peak: { kiB: number }): Promise<void> {
  try {
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    peak.kiB = Math.max(peak.kiB, Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0));
  } catch {
    // The process has already ended.
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group has already ended.
  }
}
