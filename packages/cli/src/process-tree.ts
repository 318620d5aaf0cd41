import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as after } from "node:timers/promises";

/** A process of this machine. Its number and start together are no other's. */
interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly started: string;
}

/** How long until the processes that were hung up are looked at again: milliseconds. */
const LOOK_AGAIN = 20;

/**
 * Ends processes, their process groups and all that descends from them, in other Unix sessions as well: sends SIGHUP, and SIGKILL to
 * those left after `grace` milliseconds or when `hurry` is aborted. Descendants are found through their parents: a daemon, whose
 * parent has ended, is on its own.
 */
export async function endProcesses(first: ReadonlySet<number>, grace: number, hurry: AbortSignal): Promise<void> {
  const found = withDescendants(first, listProcesses());
  if (!hurry.aborted) {
    sendAll(found, "SIGHUP");
    const deadline = performance.now() + grace;
    while (alive(found).length > 0 && performance.now() < deadline && !hurry.aborted) await after(LOOK_AGAIN);
  }
  // rule: kill-descendants
  sendAll(alive(found), "SIGKILL");
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
      // It has ended by now, or is another user's.
    }
  }
}

/** The processes that run; a zombie does not. */
function listProcesses(): Process[] {
  return listFromProc() ?? listFromPs();
}

/** Linux: proc(5), /proc/PID/stat. `undefined` where there is no such thing. */
export function listFromProc(): Process[] | undefined {
  try {
    if (!readFileSync("/proc/self/stat", "utf8").startsWith(`${process.pid} `)) return undefined;
    return readdirSync("/proc").flatMap((name) => {
      if (!/^\d+$/.test(name)) return [];
      try {
        const text = readFileSync(`/proc/${name}/stat`, "utf8");
        // The program's name, which comes before, may hold spaces and parentheses.
        const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
        const [state, parent, group] = fields;
        if (state === "Z") return [];
        return [{ pid: Number(name), parent: Number(parent), group: Number(group), started: fields[19] ?? "" }];
      } catch {
        // It has ended by now.
        return [];
      }
    });
  } catch {
    return undefined;
  }
}

/** Other systems of Unix's kind: ps(1), of POSIX but for `lstart`, which BSDs and macOS have. */
export function listFromPs(): Process[] {
  const text = execFileSync("ps", ["-A", "-o", "pid=,ppid=,pgid=,stat=,lstart="], { encoding: "utf8" });
  return text.split("\n").flatMap((line) => {
    const [, pid, parent, group, state = "", started = ""] =
      /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*?)\s*$/.exec(line) ?? [];
    if (pid === undefined || state.startsWith("Z")) return [];
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group), started }];
  });
}
