import { once } from "node:events";
import { describe, expect, onTestFinished, test } from "vitest";
import { start } from "./nacre.ts";
import { isAlive, run, type Served, useServeFolder } from "./serve-support.ts";

const folder = useServeFolder({ terminals: true });

/** Starts a command that prints one line and keeps running. Resolves with the line. */
async function begin(served: Served, words: readonly string[], command: string): Promise<string> {
  const child = start([...folder.ssh(served, words), command]);
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return line.toString().trim();
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

describe("stopping the server", () => {
  const STUBBORN = "trap '' HUP INT TERM; echo $$; while :; do sleep 0.05; done";
  const SESSIONS: Readonly<Record<string, readonly [words: readonly string[], command: string]>> = {
    command: [[], STUBBORN],
    terminal: [["-tt"], STUBBORN],
    "setsid child": [[], `setsid sh -c "${STUBBORN.replace("$$", "\\$\\$")}" & wait`],
    "setsid child in a terminal": [["-tt"], `setsid sh -c "${STUBBORN.replace("$$", "\\$\\$")}" & wait`],
  };

  test.each<[string, NodeJS.Signals[]]>([
    ["SIGHUP", ["SIGHUP"]],
    ["a second SIGINT", ["SIGINT", "SIGINT"]],
    ["a second SIGTERM", ["SIGTERM", "SIGTERM"]],
  ])("by %s ends processes that ignore signals or run in another Unix session", async (_, signals) => {
    const served = await folder.serve();
    const processes = await Promise.all(
      Object.entries(SESSIONS).map(async ([kind, [words, command]]) => {
        const pid = Number(await begin(served, words, command));
        return { kind, pid, isAlive: isAlive(pid) };
      }),
    );
    for (const process of processes)
      expect(process).toMatchObject({ pid: expect.any(Number) as number, isAlive: true });
    const begun = performance.now();
    for (const signal of signals) {
      served.kill(signal);
      await served.until(({ event }) => event === "stopping").catch(() => {});
    }
    expect(await served.closed).toBe(0);
    // Processes are killed two seconds after SIGHUP.
    expect(performance.now() - begun).toBeLessThan(8000);
    expect(served.told.at(-1)).toMatchObject({ event: "stopped" });
    expect(processes.map((process) => ({ ...process, isAlive: isAlive(process.pid) }))).toEqual(
      processes.map((process) => ({ ...process, isAlive: false })),
    );
  });

  test("by SIGHUP lets commands clean up", async () => {
    const served = await folder.serve();
    const child = start([
      ...folder.ssh(served),
      "trap 'echo hung up; exit 3' HUP; echo begun; while :; do sleep 0.05; done",
    ]);
    let shown = "";
    child.stdout.on("data", (chunk: Buffer) => {
      shown += chunk.toString();
    });
    await once(child.stdout, "data");
    served.kill("SIGHUP");
    const [status] = (await once(child, "close")) as [number | null];
    expect({ shown, status }).toEqual({ shown: "begun\nhung up\n", status: 3 });
    expect(await served.closed).toBe(0);
  });

  test("does not wait for a daemon that keeps the output of a session open", async () => {
    const served = await folder.serve();
    const pid = Number(await begin(served, [], "setsid sleep 1000 & echo $!"));
    onTestFinished(() => void process.kill(pid));
    const begun = performance.now();
    served.kill("SIGHUP");
    expect(await served.closed).toBe(0);
    expect(performance.now() - begun).toBeLessThan(8000);
  });
});
