import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import type { ServeEvent } from "../src/serve/serve-log.ts";
import { untilStopped } from "../src/serve/serve-stop.ts";
import { FakeServer } from "./support.ts";

test("sends SIGHUP to processes still running when the grace period after SIGTERM ends", async () => {
  const child = spawn("sleep", ["1000"], { detached: true, stdio: "ignore" });
  const exit = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  const server = new FakeServer();
  const events: ServeEvent[] = [];
  const stopped = untilStopped(
    server,
    { processes: new Set([child.pid!]), sessions: new Set([exit]) },
    (event) => events.push(event),
    200,
  );
  process.emit("SIGTERM", "SIGTERM");
  expect(child.exitCode).toBe(null);
  await stopped;
  expect(await exit).toEqual([null, "SIGHUP"]);
  expect(server.graces).toEqual([expect.any(Number), undefined]);
  expect(events).toEqual([{ type: "stopping", signal: "SIGTERM", sessions: 0 }]);
});
