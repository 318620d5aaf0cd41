import { download, type TransferProgress, upload } from "@nacre/files";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { TestClock } from "@nacre/testing/nacre/transfer-clock";
import { describe, expect, it } from "vitest";
import { partsOf } from "../../src/remote/sftp.ts";
import type { TransferOptions, TransferResult } from "../../src/transfer/options.ts";
import { Progress } from "../../src/transfer/progress.ts";
import { LocalSource, LocalTarget } from "../../src/transfer/sides/local.ts";
import { RemoteSource, RemoteTarget } from "../../src/transfer/sides/remote.ts";
import { TokenBucket } from "../../src/transfer/sides/token-bucket.ts";
import { Transfer } from "../../src/transfer/transfer.ts";
import { isSame, openMemorySftp, pattern } from "./support.ts";

describe("the token bucket", () => {
  it("lets bytes through at its rate, with a burst of a quarter of a second", async () => {
    const clock = new TestClock();
    const bucket = new TokenBucket(100_000, clock);
    let taken = 0;
    const taking = (async () => {
      for (; taken < 225_000; taken += 5000) await bucket.take(5000, undefined);
    })();
    await clock.advance(0);
    expect(taken).toBe(25_000);
    await clock.advance(1000);
    expect(taken).toBe(125_000);
    await clock.advance(1000);
    await taking;
    expect(clock.timers).toBe(0);
  });

  it("serves in the order of the calls, whatever the lengths, with one timer", async () => {
    const clock = new TestClock();
    const bucket = new TokenBucket(10_000, clock);
    await bucket.take(2500, undefined);
    const order: number[] = [];
    const takes = [9000, 10, 500].map((length) => bucket.take(length, undefined).then(() => order.push(length)));
    expect(clock.timers).toBe(1);
    await clock.advance(240);
    expect(order).toEqual([]);
    await clock.advance(10);
    expect(order).toEqual([9000]);
    // The long one took more than there was.
    await clock.advance(640);
    expect(order).toEqual([9000]);
    await clock.advance(100);
    await Promise.all(takes);
    expect(order).toEqual([9000, 10, 500]);
    expect(clock.timers).toBe(0);
  });

  it("lets an aborted caller go, and needs no timer then", async () => {
    const clock = new TestClock();
    const bucket = new TokenBucket(1024, clock);
    await bucket.take(256, undefined);
    const abort = new AbortController();
    const take = bucket.take(100, abort.signal);
    expect(clock.timers).toBe(1);
    abort.abort();
    await take;
    expect(clock.timers).toBe(0);
    await bucket.take(100, abort.signal);
  });
});

/** A transfer of 20 files of 10,000 bytes and one of 400,000 with a limit, on a clock of its own. */
async function limited(direction: "upload" | "download", clock: TestClock, options: TransferOptions) {
  const { sftp, server } = await openMemorySftp();
  const local = new MemoryLocalFiles();
  const [from, to] = direction === "upload" ? [local.files, server.files] : [server.files, local.files];
  from.makeDirectory("/home/t");
  for (let i = 0; i < 20; i++) from.open(`/home/t/${i}`, 0x0a).data = pattern(10_000);
  from.open("/home/t/long", 0x0a).data = pattern(400_000);
  const { channel } = partsOf(sftp);
  const isOver = (): boolean => channel.over !== undefined;
  const given = { recursive: true, ...options };
  const transfer =
    direction === "upload"
      ? new Transfer(
          new LocalSource(local),
          new RemoteTarget(channel),
          { name: "upload", options: given, isOver },
          { clock },
        )
      : new Transfer(
          new RemoteSource(channel),
          new LocalTarget(local),
          { name: "download", options: given, isOver },
          { clock },
        );
  return { work: transfer.run("/home/t", "/home/copy"), to, server, local };
}

describe.each(["upload", "download"] as const)("%s with `limit`", (direction) => {
  it("takes the time that the limit asks for, and moves several files meanwhile", async () => {
    const clock = new TestClock();
    const reports: TransferProgress[] = [];
    const onProgress = (progress: TransferProgress): void => void reports.push(progress);
    const { work, to } = await limited(direction, clock, { limit: 100_000, onProgress });
    let result: TransferResult | undefined;
    void work.then((settled) => {
      result = settled;
    });
    await clock.run(() => result !== undefined);
    await work;
    expect(result).toMatchObject({ files: 21, bytes: 600_000 });
    // 600,000 bytes less the burst of 25,000.
    expect(clock.now()).toBeGreaterThanOrEqual(5700);
    expect(clock.now()).toBeLessThan(6200);
    expect(isSame(to.find("/home/copy/long").data, pattern(400_000))).toBe(true);
    // The long file does not hold up the short ones.
    const half = reports.findIndex(({ bytes }) => bytes > 450_000);
    expect(reports[half]!.files).toBe(20);
    const { bytesPerSecond, secondsLeft } = reports[half]!;
    expect(bytesPerSecond).toBeGreaterThan(85_000);
    expect(bytesPerSecond).toBeLessThan(115_000);
    expect(secondsLeft).toBeGreaterThan(1);
    expect(secondsLeft).toBeLessThan(2);
    expect(clock.timers).toBe(0);
  });

  it("reads files again for `verify` at the same rate", async () => {
    const clock = new TestClock();
    const { work } = await limited(direction, clock, { limit: 100_000, verify: "sha256" });
    let result: TransferResult | undefined;
    void work.then((settled) => {
      result = settled;
    });
    await clock.run(() => result !== undefined);
    expect(result).toMatchObject({ files: 21, verified: 21 });
    expect(clock.now()).toBeGreaterThanOrEqual(11_700);
    expect(clock.now()).toBeLessThan(12_300);
    expect(clock.timers).toBe(0);
  });

  it("ends at once when it is aborted, and leaves no timer", async () => {
    const clock = new TestClock();
    const abort = new AbortController();
    const { work, local, server } = await limited(direction, clock, { limit: 2000, signal: abort.signal });
    const outcome = failure(work);
    await clock.advance(1000);
    abort.abort();
    expect(await outcome).toEqual(code("aborted"));
    expect(clock.timers).toBe(0);
    await expect.poll(() => [local.openCount, server.server.handleCount], { timeout: 10_000 }).toEqual([0, 0]);
  });
});

describe("progress", () => {
  it("states totals once everything is found, and a rate over the last five seconds", async () => {
    const clock = new TestClock();
    const reports: TransferProgress[] = [];
    const progress = new Progress({ onProgress: (report) => reports.push(report) }, clock);
    progress.found(1_000_000);
    progress.moved("f", 1000);
    expect(reports.at(-1)).toEqual({
      bytes: 1000,
      files: 0,
      totalBytes: undefined,
      totalFiles: undefined,
      bytesPerSecond: 0,
      secondsLeft: undefined,
      path: "f",
    });
    progress.listed();
    expect(reports.at(-1)).toMatchObject({ totalBytes: 1_000_000, totalFiles: 1, path: "f" });
    for (let i = 0; i < 40; i++) {
      await clock.advance(250);
      progress.moved("f", 5000);
    }
    expect(reports.at(-1)).toMatchObject({ bytesPerSecond: 20_000, secondsLeft: (1_000_000 - 201_000) / 20_000 });
    // A standstill is visible.
    await clock.advance(10_000);
    progress.moved("f", 0);
    expect(reports.at(-1)!.bytesPerSecond).toBeLessThan(1000);
  });

  it("states no total of bytes for contents of unknown size", () => {
    const reports: TransferProgress[] = [];
    const progress = new Progress({ onProgress: (report) => reports.push(report) }, new TestClock());
    progress.found(undefined);
    progress.listed();
    progress.finished({ path: "", size: 0 });
    expect(reports.at(-1)).toMatchObject({ totalBytes: undefined, totalFiles: 1, files: 1, secondsLeft: undefined });
  });
});

it("rejects limits that are none", async () => {
  const { sftp } = await openMemorySftp();
  const local = { files: new MemoryLocalFiles(), path: "/home/f" };
  for (const limit of [0, 1023, Number.NaN, Number.POSITIVE_INFINITY, "1M" as never]) {
    expect(await failure(upload(sftp, local, "f", { limit }))).toEqual(code("usage"));
    expect(await failure(download(sftp, "f", local, { limit }))).toEqual(code("usage"));
  }
});
