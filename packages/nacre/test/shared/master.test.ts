import { code, failure } from "@nacre/testing/nacre/outcomes";
import { concatBytes } from "@nacre/wire";
import { describe, expect, test, vi } from "vitest";
import { openMaster } from "../../src/shared/master.ts";
import { FakeMaster, HELLO, hello, MUX, muxMessage, proxies } from "./support.ts";

const alive = (id: number): Uint8Array => muxMessage([MUX.ALIVE, id, 99]);

const silent = (): undefined => undefined;

describe("a master", () => {
  test("answers requests in their order, each with a number of its own", async () => {
    const fake = new FakeMaster(hello, alive, (id) => muxMessage([MUX.FAILURE, id], "not now"));
    const master = await openMaster(fake);
    expect(await master.request({ type: "alive-check" })).toEqual({ type: "alive", processId: 99 });
    expect(await master.request({ type: "terminate" })).toEqual({ type: "failed", reason: "not now" });
    expect(fake.messages.map((message) => message.at(-1))).toEqual([4, 0, 1]);
    await master.close();
    expect(fake.isClosed).toBe(true);
    expect(await failure(master.request({ type: "alive-check" }))).toEqual(code("closed"));
  });

  test("is read from any split of its bytes", async () => {
    for (let cut = 1; cut < HELLO.length; cut++) {
      const fake = new FakeMaster(() => undefined);
      const opening = openMaster(fake);
      fake.send(HELLO.subarray(0, cut));
      fake.send(HELLO.subarray(cut));
      await (await opening).close();
    }
  });

  test("that ends or breaks fails the request under way, and closes the connection", async () => {
    for (const end of ["ended", "failed"] as const) {
      const fake = new FakeMaster(hello, () => undefined);
      const master = await openMaster(fake);
      const request = master.request({ type: "alive-check" });
      fake.handler[end](new Error("gone"));
      expect(await failure(request)).toEqual(code("connection-lost"));
      expect(fake.isClosed).toBe(true);
      expect(await failure(master.share(true))).toEqual(code("connection-lost"));
    }
  });

  test("of another version is left", async () => {
    const fake = new FakeMaster(() => muxMessage([MUX.HELLO, 5]));
    expect(await failure(openMaster(fake))).toEqual(code("protocol-version"));
    expect(fake.isClosed).toBe(true);
  });

  test("master: more than an answer · client", async () => {
    const twice = new FakeMaster(() => concatBytes(HELLO, Uint8Array.of(0)));
    expect(await failure(openMaster(twice))).toEqual(code("unexpected-message"));
    // Otherwise a packet that follows the answer would reach the client, which has asked for nothing yet.
    const proxy = new FakeMaster(hello, (id) => concatBytes(proxies(id), muxMessage([7])));
    expect(await failure((await openMaster(proxy)).share(true))).toEqual(code("unexpected-message"));
    const unasked = new FakeMaster(hello);
    const master = await openMaster(unasked);
    unasked.handler.data(muxMessage([MUX.OK, 0]));
    expect(await failure(master.request({ type: "alive-check" }))).toEqual(code("unexpected-message"));
    expect([twice, proxy, unasked].map(({ isClosed }) => isClosed)).toEqual([true, true, true]);
  });

  test("master: silence · client", async () => {
    vi.useFakeTimers();
    try {
      const opening = failure(openMaster(new FakeMaster(silent)));
      await vi.advanceTimersByTimeAsync(10_000);
      const fake = new FakeMaster(hello, silent);
      const master = await openMaster(fake);
      const request = failure(master.request({ type: "terminate" }));
      await vi.advanceTimersByTimeAsync(119_999);
      expect(fake.isClosed).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      expect(await Promise.race([opening, Promise.resolve("waits")])).toEqual(code("connect-timeout"));
      expect(await Promise.race([request, Promise.resolve("waits")])).toEqual(code("connect-timeout"));
      expect(fake.isClosed).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  test("master: a refusal in place of a connection · client", async () => {
    for (const answer of [MUX.OK, MUX.FAILURE, MUX.DENIED]) {
      const refuses = (id: number): Uint8Array =>
        answer === MUX.OK ? muxMessage([answer, id]) : muxMessage([answer, id], "no");
      const fake = new FakeMaster(hello, refuses);
      const master = await openMaster(fake);
      expect(await failure(master.share(true))).toEqual(code("request-refused"));
      expect(fake.isClosed).toBe(true);
    }
  });
});
