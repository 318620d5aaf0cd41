import { spawn } from "node:child_process";
import { once } from "node:events";
import { firstLine } from "@nacre/testing/first-line";
import { describe, expect, onTestFinished, test } from "vitest";
import { endProcesses, listFromProc, listFromPs } from "../src/serve/process-tree.ts";

const never = new AbortController().signal;

/** Starts a shell and a child of it in another Unix session. Returns both process IDs. With `stubborn`, the child ignores SIGHUP. */
async function family({ stubborn }: { readonly stubborn: boolean }): Promise<readonly [number, number]> {
  const trap = stubborn ? "trap '' HUP; " : "";
  const child = spawn("/bin/sh", ["-c", `setsid sh -c "${trap}echo \\$\\$; exec sleep 60" & wait`], {
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  });
  const inner = Number(await firstLine(child.stdout));
  onTestFinished(() => {
    for (const pid of [child.pid!, inner]) if (isRunning(pid)) process.kill(pid, "SIGKILL");
  });
  return [child.pid!, inner];
}

/** Returns whether a process runs. A zombie does not count. */
function isRunning(pid: number): boolean {
  return listFromPs().some((one) => one.pid === pid);
}

describe("endProcesses", () => {
  test("hangs up a descendant in another Unix session", async () => {
    const both = await family({ stubborn: false });
    const begun = performance.now();
    await endProcesses(new Set([both[0]]), 60_000, never);
    expect(performance.now() - begun).toBeLessThan(30_000);
    expect(both.map(isRunning)).toEqual([false, false]);
  });

  test("kills a process still running after the grace period, even if its parent has ended", async () => {
    const both = await family({ stubborn: true });
    await endProcesses(new Set([both[0]]), 300, never);
    await expect.poll(() => both.map(isRunning), { timeout: 10_000 }).toEqual([false, false]);
  });

  test("kills what a process has started since the first signal, in other Unix sessions too", async () => {
    const next = `setsid sh -c "trap '' HUP; echo; exec sleep 60"`;
    const child = spawn("/bin/sh", ["-c", `trap '' HUP; while :; do ${next} & sleep 0.02; done`], {
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
    });
    await firstLine(child.stdout);
    const ended = once(child.stdout, "end");
    await endProcesses(new Set([child.pid!]), 300, never);
    // Each of them holds the output open.
    await ended;
  });

  test("kills immediately when `hurry` is aborted", async () => {
    const both = await family({ stubborn: true });
    const hurry = new AbortController();
    const ended = endProcesses(new Set([both[0]]), 60_000, hurry.signal);
    hurry.abort();
    await ended;
    await expect.poll(() => both.map(isRunning), { timeout: 10_000 }).toEqual([false, false]);
  });

  test("leaves unrelated processes running", async () => {
    const [one, other] = [await family({ stubborn: false }), await family({ stubborn: false })];
    await endProcesses(new Set([one[0]]), 60_000, never);
    expect(other.map(isRunning)).toEqual([true, true]);
  });
});

test("listFromPs lists the same processes as listFromProc, which works only on Linux", async () => {
  const pids = [...(await family({ stubborn: false })), process.pid];
  const pick = (list: ReturnType<typeof listFromPs>) =>
    list
      .filter(({ pid }) => pids.includes(pid))
      .map(({ pid, parent, group }) => ({ pid, parent, group }))
      .sort((a, b) => a.pid - b.pid);
  expect(pick(listFromPs())).toHaveLength(3);
  const fromProc = listFromProc();
  expect(fromProc !== undefined).toBe(process.platform === "linux");
  expect(pick(fromProc ?? listFromPs())).toEqual(pick(listFromPs()));
});
