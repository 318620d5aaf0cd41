import type { Duplex, DuplexHandler } from "nacre";
import { expect, test } from "vitest";
import { bufferInputUntil } from "../src/net/buffer-input.ts";
import { later } from "./support.ts";

/** A connection with a simulated peer, and a log of its calls and events. */
function connection(ready: Promise<unknown>): {
  readonly inner: DuplexHandler;
  readonly log: string[];
  readonly duplex: Duplex;
} {
  const log: string[] = [];
  let inner: DuplexHandler | undefined;
  const duplex = bufferInputUntil(ready, {
    open: (handler) => {
      inner = handler;
    },
    write: (pieces) => log.push(`write ${pieces.join()}`) > 0,
    pause: () => log.push("pause"),
    resume: () => log.push("resume"),
    end: async () => {},
    close: async () => void log.push("close"),
  });
  duplex.open({
    data: (chunk) => log.push(`data ${chunk.join()}`),
    drained: () => log.push("drained"),
    ended: () => log.push("ended"),
    failed: (cause) => log.push(`failed ${String(cause)}`),
  });
  return { inner: inner!, log, duplex };
}

test("sends output immediately, and delivers copies of the buffered input in order once ready", async () => {
  const ready = later<void>();
  const { inner, log, duplex } = connection(ready.promise);
  duplex.write([Uint8Array.of(1), Uint8Array.of(2)]);
  const chunk = Uint8Array.of(2);
  inner.data(chunk);
  chunk.fill(9);
  inner.data(Uint8Array.of(3));
  inner.drained();
  inner.ended();
  expect(log).toEqual(["write 1,2", "pause", "pause", "drained"]);
  ready.resolve();
  await ready.promise;
  inner.data(Uint8Array.of(4));
  expect(log.slice(4)).toEqual(["resume", "data 2", "data 3", "ended", "data 4"]);
});

test("does not resume a connection without input, which its user may have paused", async () => {
  const { inner, log } = connection(Promise.resolve());
  await Promise.resolve();
  inner.data(Uint8Array.of(1));
  expect(log).toEqual(["data 1"]);
});

test("reports a failure after the input that came before it", async () => {
  const ready = later<void>();
  const { inner, log } = connection(ready.promise);
  inner.data(Uint8Array.of(1));
  inner.failed("cut");
  ready.resolve();
  await ready.promise;
  expect(log).toEqual(["pause", "resume", "data 1", "failed cut"]);
});

test("fails the connection when `ready` rejects", async () => {
  const { inner, log } = connection(Promise.reject(new Error("no such module")));
  inner.data(Uint8Array.of(1));
  await Promise.resolve();
  await Promise.resolve();
  expect(log).toEqual(["pause", "failed Error: no such module"]);
});

test("passes on `reset`, `suspended` and `resumed`", async () => {
  const log: string[] = [];
  let inner: DuplexHandler | undefined;
  const duplex = bufferInputUntil(Promise.resolve(), {
    open: (handler) => {
      inner = handler;
    },
    write: () => true,
    pause() {},
    resume() {},
    end: async () => {},
    close: async () => void log.push("close"),
    reset: async () => void log.push("reset"),
  });
  duplex.open({
    data() {},
    drained() {},
    ended() {},
    failed() {},
    suspended: () => log.push("suspended"),
    resumed: () => log.push("resumed"),
  });
  inner!.suspended!();
  inner!.resumed!();
  await duplex.reset!();
  expect(log).toEqual(["suspended", "resumed", "reset"]);
});

test("closes a connection that has no `reset`", async () => {
  const { duplex, log } = connection(Promise.resolve());
  await duplex.reset!();
  expect(log).toEqual(["close"]);
});
