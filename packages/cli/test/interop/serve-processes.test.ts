import { once } from "node:events";
import { firstLine } from "@nacre/testing/first-line";
import { describe, expect, onTestFinished, test } from "vitest";
import { start } from "./nacre.ts";
import { isAlive, run, type Served, untilDead, useServeFolder } from "./serve-support.ts";

const folder = useServeFolder({ terminals: true });

/** Starts a command that prints one line and keeps running. Resolves with the line. */
async function begin(served: Served, words: readonly string[], command: string): Promise<string> {
  const child = start([...folder.ssh(served, words), command]);
  onTestFinished(() => void child.kill("SIGKILL"));
  return firstLine(child.stdout);
}

describe("open descriptors of a session", () => {
  // `; true` keeps the shell from replacing itself with `ls`.
  const LIST = "ls /proc/$$/fd; true";
  const TERMINAL = "tty; exec sleep 1000";

  test.each<[string, string[]]>([
    ["without a terminal", []],
    ["with a terminal", ["-tt"]],
  ])("%s are 0, 1 and 2 while another session has a terminal", async (_, words) => {
    const served = await folder.serve();
    expect(await begin(served, ["-tt"], TERMINAL)).toMatch(/^\/dev\//);
    const { stdout } = await run([...folder.ssh(served, words), LIST]);
    expect(stdout.toString().split(/\s+/).filter(Boolean)).toEqual(["0", "1", "2"]);
  });

  test.each<[string, string[]]>([
    ["without a terminal", []],
    ["with a terminal", ["-tt"]],
  ])("%s exclude those inherited by the server", async (_, words) => {
    const through = ["bash", "-c", 'exec 20</dev/zero; exec "$@"', "bash"];
    const served = await folder.serve({ through });
    const { stdout } = await run([...folder.ssh(served, words), LIST]);
    expect(stdout.toString().split(/\s+/).filter(Boolean)).toEqual(["0", "1", "2"]);
  });
});

/** Commands that ignore signals, with options of ssh. */
function sessions(): Readonly<Record<string, readonly [words: readonly string[], command: string]>> {
  const stubborn = `trap '' HUP INT TERM; echo $$; ${folder.loop}`;
  const elsewhere = `setsid sh -c "${stubborn.replace("$$", "\\$\\$")}" & wait`;
  return {
    command: [[], stubborn],
    terminal: [["-tt"], stubborn],
    "setsid child": [[], elsewhere],
    "setsid child in a terminal": [["-tt"], elsewhere],
  };
}

describe("stopping the server", () => {
  test.each<[string, NodeJS.Signals[]]>([
    ["SIGHUP", ["SIGHUP"]],
    ["a second SIGINT", ["SIGINT", "SIGINT"]],
    ["a second SIGTERM", ["SIGTERM", "SIGTERM"]],
  ])("by %s ends processes that ignore signals or run in another Unix session", async (_, signals) => {
    const served = await folder.serve();
    const processes = await Promise.all(
      Object.entries(sessions()).map(async ([kind, [words, command]]) => {
        const pid = Number(await begin(served, words, command));
        return { kind, pid, isAlive: isAlive(pid) };
      }),
    );
    for (const process of processes) expect(process).toMatchObject({ isAlive: true });
    const begun = performance.now();
    for (const signal of signals) {
      served.kill(signal);
      await served.until(({ event }) => event === "stopping").catch(() => {});
    }
    expect(await served.closed).toBe(0);
    // Processes are killed two seconds after SIGHUP; sessions would have half a minute.
    expect(performance.now() - begun).toBeLessThan(20_000);
    expect(served.told.at(-1)).toMatchObject({ event: "stopped" });
    await Promise.all(processes.map(({ pid }) => untilDead(pid)));
  });

  test("by SIGHUP lets commands clean up", async () => {
    const served = await folder.serve();
    const child = start([...folder.ssh(served), `trap 'echo hung up; exit 3' HUP; echo begun; ${folder.loop}`]);
    onTestFinished(() => void child.kill("SIGKILL"));
    let shown = "";
    child.stdout.on("data", (chunk: Buffer) => {
      shown += chunk.toString();
    });
    await firstLine(child.stdout);
    served.kill("SIGHUP");
    const [status] = (await once(child, "close")) as [number | null];
    expect({ shown, status }).toEqual({ shown: "begun\nhung up\n", status: 3 });
    expect(await served.closed).toBe(0);
  });

  test("does not wait for a daemon that keeps the output of a session open", async () => {
    const served = await folder.serve();
    await begin(served, [], `setsid sh -c "${folder.loop}" & echo begun`);
    const begun = performance.now();
    served.kill("SIGHUP");
    expect(await served.closed).toBe(0);
    expect(performance.now() - begun).toBeLessThan(20_000);
  });
});
