import { departures } from "@nacre/testing/nacre/departures";
import { EXITED, FakeChannel, LOST, UNTOLD } from "@nacre/testing/nacre/fake-channel";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { utf8Encode } from "@nacre/wire";
import type { Channel } from "nacre";
import { Process, Session, type SessionStart } from "nacre/extend";
import { describe, expect, it } from "vitest";

const KILOBYTES = new Uint8Array(32 * 1024).fill(7);

function process(): { channel: FakeChannel; running: Process } {
  const channel = new FakeChannel();
  return { channel, running: new Process(channel as unknown as Channel) };
}

function session(): { channel: FakeChannel; served: Session } {
  const channel = new FakeChannel();
  return { channel, served: new Session(channel as unknown as Channel, {} as SessionStart) };
}

/** Reads a stream to its end. Returns its text, and `"end"` or the error. */
async function outcome(stream: ReadableStream<Uint8Array>): Promise<readonly [text: string, end: unknown]> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let all = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return [all, "end"];
      all += decoder.decode(value, { stream: true });
    }
  } catch (error) {
    return [all, error];
  }
}

describe("input of one byte per packet", () => {
  it("is combined into large chunks for a slow reader", async () => {
    const { channel, served } = session();
    for (let i = 0; i < 50_000; i++) channel.handler.data(0, Uint8Array.of(i));
    expect(channel.consumedBytes).toBe(0);
    channel.handler.eof();
    const lengths: number[] = [];
    for await (const chunk of served.stdin) lengths.push(chunk.length);
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(50_000);
    expect(lengths.length).toBeLessThanOrEqual(Math.ceil(50_000 / 8192));
    expect(channel.consumedBytes).toBe(50_000);
  });

  it("is delivered immediately to a waiting reader", async () => {
    const { channel, served } = session();
    const reader = served.stdin.getReader();
    for (let i = 0; i < 5; i++) {
      const read = reader.read();
      channel.handler.data(0, Uint8Array.of(i));
      expect(await read).toEqual({ done: false, value: Uint8Array.of(i) });
      expect(channel.consumedBytes).toBe(i + 1);
    }
  });
});

describe("output of a command", () => {
  const cuts: readonly [string, (channel: FakeChannel, running: Process) => unknown, unknown][] = [
    ["a broken connection", (channel) => channel.finish(LOST), LOST],
    ["close() of the process", (_, running) => running.close(), code("closed")],
    ["aborting stdin", (_, running) => running.stdin.abort(), code("closed")],
    ["a CLOSE without EOF or exit status", (channel) => channel.finish(undefined, UNTOLD), code("channel-closed")],
  ];

  it.each(cuts)("cut short by %s fails after the bytes that arrived", async (_, cut, expected) => {
    const { channel, running } = process();
    channel.handler.data(0, utf8Encode("half"));
    channel.handler.data(1, utf8Encode("half a complaint"));
    const { stderr } = running;
    await cut(channel, running);
    expect(await outcome(running.stdout)).toEqual(["half", expected]);
    expect(await outcome(stderr)).toEqual(["half a complaint", expected]);
  });

  it.each(cuts)("cut short by %s fails a pending read", async (_, cut, expected) => {
    const { channel, running } = process();
    const reading = outcome(running.stdout);
    await cut(channel, running);
    expect(await reading).toEqual(["", expected]);
    expect(channel.consumedBytes).toBe(0);
  });

  it.each(cuts)("ends normally after EOF despite %s", async (_, cut) => {
    const { channel, running } = process();
    channel.handler.data(0, utf8Encode("all"));
    channel.handler.eof();
    await cut(channel, running);
    expect(await outcome(running.stdout)).toEqual(["all", "end"]);
    expect(await outcome(running.stderr)).toEqual(["", "end"]);
  });

  it("ends normally without EOF if the server sent an exit status", async () => {
    const { channel, running } = process();
    channel.handler.data(0, utf8Encode("all"));
    channel.finish(undefined, EXITED);
    expect(await outcome(running.stdout)).toEqual(["all", "end"]);
  });

  it("is dropped with its credit after the reader cancels", async () => {
    const { channel, running } = process();
    await running.stdout.cancel();
    channel.handler.data(0, KILOBYTES);
    expect(channel.consumedBytes).toBe(KILOBYTES.length);
    channel.finish(LOST);
    await expect(running.exit).rejects.toBe(LOST);
  });
});

describe("after the client is gone, a session's streams fail with the reason", () => {
  it.each(departures)("%s", async (_, depart) => {
    const { channel, served } = session();
    const writer = served.stdout.getWriter();
    writer.closed.catch(() => {});
    const write = async (): Promise<void> => {
      for (;;) await writer.write(KILOBYTES);
    };
    const error = await failure(depart(channel, write));
    expect(error).toEqual(code("channel-closed"));
    expect(await failure(writer.write("later"))).toEqual(code("channel-closed"));
    expect(await failure(writer.close())).toBeInstanceOf(Error);
    expect(await outcome(served.stdin)).toEqual(["", code("channel-closed")]);
    await served.flush();
  });

  it("no EOF is sent before the exit status if outputs end after the handler", async () => {
    const { channel, served } = session();
    const flushed = served.flush();
    await served.stdout.close();
    await served.stderr.close();
    await flushed;
    expect(channel.calls).toEqual([]);
  });

  it("input that reached EOF ends normally", async () => {
    const { channel, served } = session();
    channel.handler.data(0, utf8Encode("all"));
    channel.handler.eof();
    channel.finish(LOST, UNTOLD);
    expect(await outcome(served.stdin)).toEqual(["all", "end"]);
  });
});
