import { departures } from "@nacre/testing/nacre/departures";
import { EXITED, FakeChannel, LOST, UNTOLD } from "@nacre/testing/nacre/fake-channel";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { utf8Encode } from "@nacre/wire";
import { type Channel, Process, Session, type SessionStart } from "nacre";
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

/** What a stream gives, and how it ended: `"end"`, or the error. */
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

describe("a byte a packet", () => {
  it("costs a reader who is late no array for each", async () => {
    const { channel, served } = session();
    for (let i = 0; i < 50_000; i++) channel.handler.data("stdout", Uint8Array.of(i));
    expect(channel.consumedBytes).toBe(0);
    channel.handler.eof();
    const lengths: number[] = [];
    for await (const chunk of served.stdin) lengths.push(chunk.length);
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(50_000);
    expect(lengths.length).toBeLessThanOrEqual(Math.ceil(50_000 / 8192));
    expect(channel.consumedBytes).toBe(50_000);
  });

  it("is handed on at once to one who waits", async () => {
    const { channel, served } = session();
    const reader = served.stdin.getReader();
    for (let i = 0; i < 5; i++) {
      const read = reader.read();
      channel.handler.data("stdout", Uint8Array.of(i));
      expect(await read).toEqual({ done: false, value: Uint8Array.of(i) });
      expect(channel.consumedBytes).toBe(i + 1);
    }
  });
});

describe("what a command prints", () => {
  const cuts: readonly [string, (channel: FakeChannel, running: Process) => unknown, unknown][] = [
    ["a connection that breaks", (channel) => channel.finish(LOST), LOST],
    ["its caller's close", (_, running) => running.close(), code("closed")],
    ["its input given up", (_, running) => running.stdin.abort(), code("closed")],
    ["a server that closes without a word", (channel) => channel.finish(undefined, UNTOLD), code("channel-closed")],
  ];

  it.each(cuts)("cut short by %s, comes as far as it came, and then fails", async (_, cut, expected) => {
    const { channel, running } = process();
    channel.handler.data("stdout", utf8Encode("half"));
    channel.handler.data("stderr", utf8Encode("half a complaint"));
    const { stderr } = running;
    await cut(channel, running);
    expect(await outcome(running.stdout)).toEqual(["half", expected]);
    expect(await outcome(stderr)).toEqual(["half a complaint", expected]);
  });

  it.each(cuts)("cut short by %s while it is awaited, fails", async (_, cut, expected) => {
    const { channel, running } = process();
    const reading = outcome(running.stdout);
    await cut(channel, running);
    expect(await reading).toEqual(["", expected]);
    expect(channel.consumedBytes).toBe(0);
  });

  it.each(cuts)("and ended, stays whole when it is closed by %s", async (_, cut) => {
    const { channel, running } = process();
    channel.handler.data("stdout", utf8Encode("all"));
    channel.handler.eof();
    await cut(channel, running);
    expect(await outcome(running.stdout)).toEqual(["all", "end"]);
    expect(await outcome(running.stderr)).toEqual(["", "end"]);
  });

  it("ends without an EOF where the server told how the command ended", async () => {
    const { channel, running } = process();
    channel.handler.data("stdout", utf8Encode("all"));
    channel.finish(undefined, EXITED);
    expect(await outcome(running.stdout)).toEqual(["all", "end"]);
  });

  it("given up by its reader stays so, whatever comes", async () => {
    const { channel, running } = process();
    await running.stdout.cancel();
    channel.handler.data("stdout", KILOBYTES);
    expect(channel.consumedBytes).toBe(KILOBYTES.length);
    channel.finish(LOST);
    await expect(running.exit).rejects.toBe(LOST);
  });
});

describe("when the client goes, a session's streams tell the reason", () => {
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

  it("outputs that end after the handler send no EOF before the exit status", async () => {
    const { channel, served } = session();
    const flushed = served.flush();
    await served.stdout.close();
    await served.stderr.close();
    await flushed;
    expect(channel.calls).toEqual([]);
  });

  it("and input whose end had come is whole", async () => {
    const { channel, served } = session();
    channel.handler.data("stdout", utf8Encode("all"));
    channel.handler.eof();
    channel.finish(LOST, UNTOLD);
    expect(await outcome(served.stdin)).toEqual(["all", "end"]);
  });
});
