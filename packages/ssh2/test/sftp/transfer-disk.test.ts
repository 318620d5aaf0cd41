import fs from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { SSH_FX } from "@nacre/sftp";
import { expect, it, onTestFinished, vi } from "vitest";
import { call, contentsOf, freshFolder, later, make, open, pattern, result } from "./support.ts";

/** A slow disk: calls of one function end only when the test says so. */
interface SlowDisk {
  /** Calls that have ended, and closes, in order. */
  readonly events: string[];
  /** Lets the calls end that wait. */
  readonly release: () => void;
  /** Resolves when a call waits. */
  readonly busy: () => Promise<void>;
}

type DiskCall = (...values: unknown[]) => void;

/** Delays calls of this function of `node:fs` after the first `fast` ones, and records when calls end and `close` is called. */
function slowDisk(name: "writev" | "read", fast: number): SlowDisk {
  const events: string[] = [];
  const waiting: (() => void)[] = [];
  let left = fast;
  const real = fs[name] as unknown as DiskCall;
  const { close } = fs;
  vi.spyOn(fs, name).mockImplementation((...values: unknown[]) => {
    const callback = values.pop() as DiskCall;
    const run = (): void =>
      real(...values, (...results: unknown[]) => {
        events.push(name);
        callback(...results);
      });
    if (left-- > 0) run();
    else waiting.push(run);
  });
  vi.spyOn(fs, "close").mockImplementation(((descriptor: number, callback: () => void) => {
    events.push("close");
    close(descriptor, callback);
  }) as never);
  syncBuiltinESMExports();
  onTestFinished(() => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  });
  const release = (): void => {
    left = Number.POSITIVE_INFINITY;
    for (const run of waiting.splice(0)) run();
  };
  const busy = async (): Promise<void> => {
    while (waiting.length === 0) await later();
  };
  return { events, release, busy };
}

/** Waits many rounds of the event loop. */
async function rounds(): Promise<void> {
  for (let round = 0; round < 100; round++) await later();
}

it("fastGet closes its local file after the write in flight when the server fails", async () => {
  const failures: (() => void)[] = [];
  const { sftp, server } = await open({
    answer: ({ request, token }, machine) => {
      if (request.type !== "read" || request.offset === 0) return false;
      failures.push(() => machine.status(token, SSH_FX.FAILURE, "disk"));
      return true;
    },
  });
  make(server, "file", pattern(2000));
  const { events, release, busy } = slowDisk("writev", 0);
  const options = { chunkSize: 1000, concurrency: 2 };
  const path = join(await freshFolder(), "copy");
  const called = call((done) => sftp.fastGet("file", path, options, done)).then((values) => {
    events.push("callback");
    return values;
  });
  await busy();
  for (const failing of failures) failing();
  server.flush();
  await rounds();
  expect(events).toEqual([]);
  release();
  expect(await called).toMatchObject([{ message: "disk" }]);
  expect(events).toEqual(["writev", "close", "callback"]);
  expect(server.files.opened.size).toBe(0);
});

it("fastPut closes its local file after the read in flight when the server fails", async () => {
  const failures: (() => void)[] = [];
  const { sftp, server } = await open({
    answer: ({ request, token }, machine) => {
      if (request.type !== "write") return false;
      failures.push(() => machine.status(token, SSH_FX.FAILURE, "full"));
      return true;
    },
  });
  const path = join(await freshFolder(), "file");
  await writeFile(path, pattern(2_000_000));
  const { events, release, busy } = slowDisk("read", 1);
  const called = call((done) => sftp.fastPut(path, "copy", done)).then((values) => {
    events.push("callback");
    return values;
  });
  await busy();
  while (failures.length === 0) await later();
  for (const failing of failures) failing();
  server.flush();
  await rounds();
  expect(events).toEqual(["read"]);
  release();
  expect(await called).toMatchObject([{ message: "full" }]);
  expect(events).toEqual(["read", "read", "close", "callback"]);
  expect(server.files.opened.size).toBe(0);
});

it("fastGet and fastPut move the whole bytes of a file size with a fraction", async () => {
  const { sftp, server } = await open();
  const folder = await freshFolder();
  make(server, "file", pattern(100));
  await result((done) => sftp.fastGet("file", join(folder, "copy"), { fileSize: 10.5 }, done));
  expect(await readFile(join(folder, "copy"))).toEqual(pattern(10));
  await writeFile(join(folder, "local"), pattern(100));
  await result((done) => sftp.fastPut(join(folder, "local"), "put", { fileSize: 100.5 }, done));
  expect(contentsOf(server, "put").equals(pattern(100))).toBe(true);
  await result((done) => sftp.fastGet("file", join(folder, "copy"), { fileSize: 0.5 }, done));
  expect((await stat(join(folder, "copy"))).size).toBe(0);
});
