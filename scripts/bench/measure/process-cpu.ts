import { readdir, readFile } from "node:fs/promises";

/** Returns the CPU time of a process's threads since their start in seconds, from Linux's counters with nanosecond resolution. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const tasks = `/proc/${pid}/task`;
  let nanoseconds = 0;
  for (const thread of await readdir(tasks)) {
    const [ran] = (await readFile(`${tasks}/${thread}/schedstat`, "latin1")).split(" ");
    nanoseconds += Number(ran);
  }
  return nanoseconds / 1e9;
}
