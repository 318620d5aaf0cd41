import { macrotask } from "@nacre/testing/macrotask";
import { FakeChannel, LOST, UNTOLD } from "@nacre/testing/nacre/fake-channel";
import { code } from "@nacre/testing/nacre/outcomes";
import { utf8Encode } from "@nacre/wire";
import type { Channel, Duplex } from "nacre";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { channelDuplex } from "../../src/forward/channel-duplex.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** Opens a duplex over a fake channel and records its callbacks. */
async function opened(onData?: (duplex: Duplex) => void) {
  const channel = new FakeChannel();
  const duplex = channelDuplex(channel as unknown as Channel);
  const said: unknown[] = [];
  duplex.open({
    data(chunk) {
      said.push(new TextDecoder().decode(chunk));
      onData?.(duplex);
    },
    drained: () => said.push("drained"),
    ended: () => said.push("ended"),
    failed: (cause) => said.push(cause),
  });
  expect(channel.handler).toBeUndefined();
  await macrotask();
  const receive = (text: string): void => channel.handler.data(0, utf8Encode(text));
  return { channel, duplex, said, receive };
}

describe("received data", () => {
  it("is delivered in order with its credit, then the end", async () => {
    const { channel, said, receive } = await opened();
    receive("one");
    receive("two");
    channel.handler.eof();
    expect([said, channel.consumedBytes]).toEqual([["one", "two", "ended"], 6]);
  });

  it("waits with its credit and the end while paused", async () => {
    const { channel, duplex, said, receive } = await opened();
    duplex.pause();
    receive("one");
    channel.handler.eof();
    expect([said, channel.consumedBytes]).toEqual([[], 0]);
    duplex.resume();
    duplex.resume();
    expect([said, channel.consumedBytes]).toEqual([["one", "ended"], 3]);
  });

  it("stops when the handler pauses, and continues if it resumes immediately", async () => {
    const { duplex, said, receive } = await opened((duplex) => {
      duplex.pause();
      if (said.length % 2 === 0) duplex.resume();
    });
    duplex.pause();
    const chunks = ["a", "b", "c", "d"].map((letter) => letter.repeat(5000));
    for (const chunk of chunks) receive(chunk);
    duplex.resume();
    expect(said).toEqual(chunks.slice(0, 1));
    duplex.resume();
    expect(said).toEqual(chunks.slice(0, 3));
    duplex.resume();
    expect(said).toEqual(chunks);
  });

  it("is dropped with its credit if it is extended data; requests are refused", async () => {
    const { channel, said } = await opened();
    const replies: unknown[] = [];
    channel.reply = (...reply: unknown[]) => void replies.push(reply);
    channel.handler.data(1, utf8Encode("noise"));
    const request = { type: "channel-request" } as never;
    channel.handler.request(request);
    expect([said, channel.consumedBytes, replies]).toEqual([[], 5, [[request, false]]]);
  });
});

describe("written data", () => {
  it("is sent in order when the channel has room, and drained is called once", async () => {
    const { channel, duplex, said } = await opened();
    channel.room = 4;
    expect(duplex.write([utf8Encode("one"), utf8Encode("two"), utf8Encode("three")])).toBe(false);
    channel.room = 3;
    channel.handler.writable();
    expect([channel.written, said]).toEqual(["onetwot", []]);
    expect(duplex.write([utf8Encode("four")])).toBe(false);
    channel.room = 100;
    channel.handler.writable();
    expect([channel.written, said]).toEqual(["onetwothreefour", ["drained"]]);
    expect(duplex.write([utf8Encode("!")])).toBe(true);
  });

  it("is still sent after the peer's EOF, and drained is called", async () => {
    const { channel, duplex, said } = await opened();
    channel.handler.eof();
    channel.room = 1;
    expect(duplex.write([utf8Encode("answer")])).toBe(false);
    channel.room = 100;
    channel.handler.writable();
    expect([channel.written, said]).toEqual(["answer", ["ended", "drained"]]);
  });

  it("is dropped after the channel has closed", async () => {
    const { channel, duplex } = await opened();
    channel.finish(LOST);
    expect(duplex.write([utf8Encode("late")])).toBe(true);
  });
});

describe("end", () => {
  it("sends one EOF after the remaining bytes", async () => {
    const { channel, duplex } = await opened();
    channel.room = 2;
    duplex.write([utf8Encode("all")]);
    let ended = 0;
    for (let i = 0; i < 2; i++) void duplex.end().then(() => void ended++);
    await macrotask();
    expect([channel.calls, ended]).toEqual([[], 0]);
    channel.room = 100;
    channel.handler.writable();
    await macrotask();
    expect([channel.written, channel.calls, ended]).toEqual(["all", ["end"], 2]);
  });

  it("resolves without EOF if the channel closes before it took all bytes", async () => {
    const { channel, duplex } = await opened();
    channel.room = 0;
    duplex.write([utf8Encode("all")]);
    const ending = duplex.end();
    channel.finish(undefined, UNTOLD);
    await ending;
    expect(channel.written).toBe("");
  });
});

describe("the peer's CLOSE", () => {
  it.each([
    ["after EOF in both directions", true, true, ["all", "ended"]],
    ["after the peer's EOF only", true, false, ["all", "ended", code("channel-closed")]],
    ["without EOF", false, false, ["all", code("channel-closed")]],
  ])("%s is reported after the received bytes", async (_, eof, end, expected) => {
    for (const paused of [true, false]) {
      const { channel, duplex, said, receive } = await opened();
      if (paused) duplex.pause();
      receive("all");
      if (end) await duplex.end();
      if (eof) channel.handler.eof();
      channel.finish(undefined, UNTOLD);
      expect(said).toEqual(paused ? [] : expected);
      duplex.resume();
      expect(said).toEqual(expected);
    }
  });

  it("calls drained for a blocked writer, also while paused", async () => {
    const { channel, duplex, said, receive } = await opened();
    duplex.pause();
    receive("unread");
    channel.room = 0;
    expect(duplex.write([utf8Encode("never sent")])).toBe(false);
    channel.finish(undefined, UNTOLD);
    expect(said).toEqual(["drained"]);
    expect(duplex.write([utf8Encode("dropped")])).toBe(true);
    duplex.resume();
    expect(said).toEqual(["drained", "unread", code("channel-closed")]);
  });

  it("is reported immediately if the connection ended", async () => {
    const { channel, duplex, said, receive } = await opened();
    duplex.pause();
    receive("unread");
    channel.finish(LOST);
    duplex.resume();
    expect(said).toEqual([LOST]);
  });
});

describe("close", () => {
  it("sends written data without EOF, so that the peer does not take partial data as complete", async () => {
    const { channel, duplex, said, receive } = await opened();
    duplex.pause();
    receive("unread");
    channel.room = 2;
    duplex.write([utf8Encode("all")]);
    const closing = Promise.all([duplex.close(), duplex.close()]);
    receive("late");
    expect([said, channel.consumedBytes, channel.calls]).toEqual([[], 10, []]);
    channel.room = 100;
    channel.handler.writable();
    Object.defineProperty(channel, "ended", { value: Promise.resolve() });
    await closing;
    expect([channel.written, channel.calls]).toEqual(["all", ["close"]]);
    expect(channel.reason).toEqual(code("closed"));
    expect(said).toEqual([]);
  });

  it("sends EOF first after end", async () => {
    const { channel, duplex } = await opened();
    void duplex.end();
    await duplex.close();
    expect(channel.calls).toEqual(["end", "close"]);
  });

  it.each([
    ["alone", false],
    ["after end", true],
  ])("%s drops bytes that are not taken within two seconds", async (_, end) => {
    const { channel, duplex } = await opened();
    channel.room = 1;
    duplex.write([utf8Encode("stuck")]);
    if (end) void duplex.end();
    const closing = duplex.close();
    await vi.advanceTimersByTimeAsync(1999);
    expect(channel.calls).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    await closing;
    expect(channel.calls).toEqual(["close"]);
  });

  it("works before open and before the channel has a handler", async () => {
    const channel = new FakeChannel();
    channel.handler = { data() {}, writable() {}, eof() {}, request() {}, closed() {} };
    await channelDuplex(channel as unknown as Channel).close();
    expect(channel.calls).toEqual(["close"]);
  });
});
