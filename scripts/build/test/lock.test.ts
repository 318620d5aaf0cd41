import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const LOCK = new URL("../lock.mjs", import.meta.url).href;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nacre-lock-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Returns the arguments of a process that runs `action` under the lock of the folder. Its temporary files go to the folder, too. */
function program(action: string): string[] {
  const script = `import { appendFileSync as append } from "node:fs";
    import { locked } from ${JSON.stringify(LOCK)};
    locked("a clone", () => { ${action} });`;
  return ["--input-type=module", "--eval", script];
}

test("one process at a time runs the action", async () => {
  const log = join(folder, "log");
  const action = `append(${JSON.stringify(log)}, "in ");
    for (const end = Date.now() + 20; Date.now() < end; );
    append(${JSON.stringify(log)}, "out ");`;
  const env = { ...process.env, TMPDIR: folder };
  const children = [1, 2, 3, 4].map(() => spawn(process.execPath, program(action), { env, stdio: "ignore" }));
  const ended = await Promise.all(children.map((child) => once(child, "close")));
  expect(ended.map(([status]) => status as number)).toEqual([0, 0, 0, 0]);
  expect(readFileSync(log, "utf8")).toBe("in out ".repeat(4));
});

test("the lock of a process that was killed does not count", () => {
  const env = { ...process.env, TMPDIR: folder };
  const killed = spawnSync(process.execPath, program(`process.kill(process.pid, "SIGKILL")`), { env });
  expect(killed.signal).toBe("SIGKILL");
  const next = spawnSync(process.execPath, program(`console.log("done")`), { env, encoding: "utf8" });
  expect(next.stdout).toBe("done\n");
});

test("the lock is released when the action fails or ends the process", () => {
  const env = { ...process.env, TMPDIR: folder };
  for (const action of [`throw new Error("no")`, "process.exit(1)"]) {
    expect(spawnSync(process.execPath, program(action), { env }).status).toBe(1);
    const next = spawnSync(process.execPath, program(`console.log("done")`), { env, encoding: "utf8" });
    expect({ stdout: next.stdout, stderr: next.stderr }).toEqual({ stdout: "done\n", stderr: "" });
  }
});
