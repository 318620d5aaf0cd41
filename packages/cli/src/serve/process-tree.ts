import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as after } from "node:timers/promises";

/** A running process. `pid` and `started` together identify it, since the system reuses process IDs. */
interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly started: string;
}

/** Interval at which `endProcesses` checks whether processes have ended, in milliseconds. */
const CHECK_INTERVAL = 20;
/** Maximum number of times that `stopped` lists processes. */
const MAX_ROUNDS = 10;

/**
 * Ends processes, their process groups and all descendants, including those in other Unix sessions. Sends SIGHUP, then SIGKILL to the
 * processes still running after `grace` milliseconds or when `hurry` is aborted, and to what these have started since. Descendants are
 * found by their parent's process ID, so a daemon, whose parent has ended, keeps running.
 */
export async function endProcesses(first: ReadonlySet<number>, grace: number, hurry: AbortSignal): Promise<void> {
  const found = withDescendants(first, listProcesses());
  if (!hurry.aborted) {
    sendAll(found, "SIGHUP");
    const deadline = performance.now() + grace;
    while (alive(found).length > 0 && performance.now() < deadline && !hurry.aborted) await after(CHECK_INTERVAL);
  }
  // rule: kill-descendants
  sendAll(stopped(alive(found)), "SIGKILL");
}

/** Stops processes and all descendants, and lists them until none is new: a process that still runs may start another one. */
function stopped(processes: readonly Process[]): readonly Process[] {
  let found = processes;
  // Bounded because processes of other users cannot be stopped, and may start others for ever.
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const known = new Set(found.map(({ pid }) => pid));
    sendAll(found, "SIGSTOP");
    found = withDescendants(new Set(alive(found).map(({ pid }) => pid)), listProcesses());
    if (found.every(({ pid }) => known.has(pid))) break;
  }
  return found;
}

function withDescendants(first: ReadonlySet<number>, all: readonly Process[]): Process[] {
  const numbers = new Set(first);
  const found: Process[] = [];
  let rest = all;
  for (let size = -1; size !== numbers.size; ) {
    size = numbers.size;
    const isOurs = ({ pid, parent, group }: Process): boolean =>
      numbers.has(pid) ||
      /* rule: found-by-parent */ numbers.has(parent) ||
      /* rule: found-by-group */ first.has(group);
    const more = rest.filter(isOurs);
    rest = rest.filter((one) => !isOurs(one));
    found.push(...more);
    for (const { pid } of more) numbers.add(pid);
  }
  return found;
}

function alive(processes: readonly Process[]): readonly Process[] {
  if (processes.length === 0) return processes;
  const now = new Map(listProcesses().map(({ pid, started }) => [pid, started]));
  return processes.filter(({ pid, started }) => now.get(pid) === started);
}

function sendAll(processes: readonly Process[], signal: NodeJS.Signals): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, signal);
    } catch {
      // The process ended in the meantime, or belongs to another user.
    }
  }
}

/** Lists the running processes, without zombies. */
function listProcesses(): Process[] {
  return listFromProc() ?? listFromPs();
}

/** Lists processes from /proc/PID/stat (Linux, proc(5)). Returns `undefined` if the system lacks it. */
export function listFromProc(): Process[] | undefined {
  try {
    if (!readFileSync("/proc/self/stat", "utf8").startsWith(`${process.pid} `)) return undefined;
    return readdirSync("/proc").flatMap((name) => {
      if (!/^\d+$/.test(name)) return [];
      try {
        const text = readFileSync(`/proc/${name}/stat`, "utf8");
        // Skip past the program name: it may contain spaces and parentheses.
        const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
        const [state, parent, group] = fields;
        if (state === "Z") return [];
        return [{ pid: Number(name), parent: Number(parent), group: Number(group), started: fields[19] ?? "" }];
      } catch {
        // The process ended in the meantime.
        return [];
      }
    });
  } catch {
    return undefined;
  }
}

/** Lists processes with ps(1), for Unix systems without /proc. All columns are POSIX except `lstart`, which BSDs and macOS support. */
export function listFromPs(): Process[] {
  const text = execFileSync("ps", ["-A", "-o", "pid=,ppid=,pgid=,stat=,lstart="], { encoding: "utf8" });
  return text.split("\n").flatMap((line) => {
    const [, pid, parent, group, state = "", started = ""] =
      /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*?)\s*$/.exec(line) ?? [];
    if (pid === undefined || state.startsWith("Z")) return [];
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group), started }];
  });
}
