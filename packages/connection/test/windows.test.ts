import { SSH_MSG_CHANNEL_REQUEST, SSH_MSG_GLOBAL_REQUEST } from "@nacre/wire";
import { assert, constantFrom, integer, property, record } from "fast-check";
import { describe, expect, test } from "vitest";
import { CONNECTION_LIMITS } from "../src/index.ts";
import { OVERHEAD, SlowPath, worstCaseHeld } from "./path.ts";
import { confirm, data, NOTHING, Side, the } from "./support.ts";

const MIB = 2 ** 20;
const { initialWindow, maxWindow } = CONNECTION_LIMITS.defaults;
/** 500 Mbit/s with a round trip of 40 ms. */
const long = { rate: 62_500, roundTrip: 40 };

/** Returns the largest number of bytes that a channel could have held during the last run. */
const windowOf = (path: SlowPath, which = 0): number => the(path.downloads[which]).window;

describe("on a path with 500 Mbit/s and a round trip of 40 ms", () => {
  test("fills the path with one download from the first second on", () => {
    const path = new SlowPath(long);
    expect(path.run(1000) / (1000 * long.rate)).toBeGreaterThan(0.8);
    expect(path.run(1000) / (1000 * long.rate)).toBeGreaterThan(0.99);
  });

  test("does not fill the path if the window cannot grow", () => {
    const path = new SlowPath({ ...long, limits: { maxWindow: initialWindow } });
    path.run(1000);
    expect(path.run(1000) / (1000 * long.rate)).toBeLessThan(0.85);
  });

  test("grows the window to two to four times the data in flight, and adjusts it by halves", () => {
    const path = new SlowPath(long);
    path.run(2000);
    expect(windowOf(path)).toBe(8 * MIB);
    const download = the(path.downloads[0]);
    const before = download.adjustments;
    expect(path.run(1000) / (download.adjustments - before)).toBeGreaterThan(3.9 * MIB);
  });

  test("fills the path with several downloads", () => {
    const path = new SlowPath({ ...long, channels: 4 });
    path.run(1000);
    expect(path.run(1000) / (1000 * long.rate)).toBeGreaterThan(0.99);
  });

  test("never holds more than the initial window if the reader is slower than the path", () => {
    const path = new SlowPath({ ...long, reads: 6000 });
    path.run(3000);
    expect(windowOf(path)).toBe(initialWindow);
    expect(path.mostHeld).toBeLessThanOrEqual(initialWindow);
  });

  test("does not grow the window if the reader pauses between reads", () => {
    const path = new SlowPath({ ...long, rests: 300 });
    path.run(3000);
    expect(windowOf(path)).toBe(initialWindow);
  });

  test("neither grows the window nor sends a probe without `tick`", () => {
    const path = new SlowPath({ ...long, timeless: true });
    path.run(1000);
    expect(windowOf(path)).toBe(initialWindow);
  });
});

test("does not grow windows on a short path, even a fast one", () => {
  const path = new SlowPath({ rate: 1_000_000, roundTrip: 0.2 });
  path.run(200);
  expect(windowOf(path)).toBe(initialWindow);
});

test("does not grow windows if answers are slow because the peer has a full window queued", () => {
  const path = new SlowPath({ rate: 400_000, roundTrip: 0.2, queue: 2 * maxWindow });
  path.run(200);
  expect(windowOf(path)).toBe(initialWindow);
});

test("does not measure the round trip by an unrelated request of the peer", () => {
  const client = new Side({ limits: { initialWindow: 1000 } });
  const { connection } = client;
  client.time.now = 0;
  const channel = connection.openChannel("session");
  client.time.now = 40;
  client.hears(confirm(channel));
  connection.request(channel, "exec", NOTHING, { wantReply: true });
  client.time.now = 41;
  client.hears(
    SSH_MSG_CHANNEL_REQUEST.encode({
      recipientChannel: channel,
      requestType: "exit-status",
      wantReply: false,
      data: new Uint8Array(4),
    }),
  );
  client.sink.take();
  // The second half window arrives less than 40 ms after the first, so the round trip is probed.
  for (const now of [60, 70]) {
    client.time.now = now;
    client.hears(data(channel, 500));
    connection.consumed(channel, 500);
  }
  const numbers = client.sink.take().map((payload) => payload[0]);
  expect(numbers).toContain(SSH_MSG_GLOBAL_REQUEST.number);
});

test("stops growing at `maxWindow` on a longer path", () => {
  const path = new SlowPath({ rate: 62_500, roundTrip: 600 });
  path.run(6000);
  expect(windowOf(path)).toBe(maxWindow);
});

test("lets other windows grow by the growth of a closed channel", () => {
  const path = new SlowPath({ ...long, limits: { maxWindowGrowth: 6 * MIB } });
  path.run(1000);
  expect(windowOf(path)).toBe(8 * MIB);
  path.open();
  path.run(1000);
  expect(windowOf(path, 1)).toBe(2 * MIB);
  path.close(0);
  path.run(1000);
  expect(windowOf(path, 1)).toBe(8 * MIB);
});

const scaled = record({
  rate: integer({ min: 1, max: 1000 }),
  roundTrip: integer({ min: 0, max: 200 }),
  channels: integer({ min: 1, max: 5 }),
  reads: constantFrom(1, 30, 1000, Number.POSITIVE_INFINITY),
  limits: record({
    initialWindow: integer({ min: 500, max: 20_000 }),
    maxWindow: integer({ min: 1, max: 100_000 }),
    maxWindowGrowth: integer({ min: 1, max: 200_000 }),
    maxPacketSize: integer({ min: 500, max: 5000 }),
  }),
});

test("never exceeds a limit, for any path and readers", () => {
  assert(
    property(scaled, (options) => {
      const path = new SlowPath(options);
      const { initialWindow: first, maxWindow: most, maxWindowGrowth } = options.limits;
      let [one, all] = [0, 0];
      path.onStep = () => {
        const windows = path.downloads.map(worstCaseHeld);
        one = Math.max(one, ...windows);
        all = Math.max(
          all,
          windows.reduce((sum, window) => sum + window, 0),
        );
      };
      path.run(500);
      expect(one).toBeLessThanOrEqual(Math.max(first, most));
      expect(all).toBeLessThanOrEqual(options.channels * first + maxWindowGrowth);
      expect(path.mostHeld).toBeLessThanOrEqual(all);
    }),
    { numRuns: 50 },
  );
});

const PACKET = 200;

test("gives a fast reader the full rate of any path, or half of `maxWindow` per round trip", () => {
  const paths = record({ rate: integer({ min: 200, max: 4000 }), roundTrip: integer({ min: 10, max: 100 }) });
  assert(
    property(paths, integer({ min: 4000, max: 20_000 }), ({ rate, roundTrip }, first) => {
      const limits = { initialWindow: first, maxWindow: 200_000, maxPacketSize: PACKET };
      const path = new SlowPath({ rate, roundTrip, limits });
      path.run(30 * roundTrip + 100);
      const arrived = path.run(500);
      const wire = (500 * rate * PACKET) / (PACKET + OVERHEAD);
      const atLimit = (0.5 * 500 * limits.maxWindow) / roundTrip;
      expect(arrived).toBeGreaterThan(0.9 * Math.min(wire, atLimit));
    }),
    { numRuns: 50 },
  );
});
