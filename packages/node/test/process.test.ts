import { once } from "node:events";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { EXITED, FakeChannel, LOST, UNTOLD } from "@nacre/testing/nacre/fake-channel";
import { utf8Encode } from "@nacre/wire";
import type { Channel } from "nacre";
import { describe, expect, test } from "vitest";
import { NodeProcess } from "../src/connect/process.ts";

function start(): { channel: FakeChannel; running: NodeProcess } {
  const channel = new FakeChannel();
  return { channel, running: new NodeProcess(channel as unknown as Channel) };
}

const KILOBYTES = new Uint8Array(32 * 1024).fill(7);

describe("output", () => {
  test("arrives complete and in order, and then ends", async () => {
    const { channel, running } = start();
    const all = buffer(running.stdout);
    channel.handler.data(0, utf8Encode("one "));
    channel.handler.data(1, utf8Encode("complaint"));
    channel.handler.data(0, utf8Encode("two"));
    channel.handler.eof();
    channel.finish();
    expect((await all).toString()).toBe("one two");
    expect((await buffer(running.stderr)).toString()).toBe("complaint");
    expect(await running.exit).toEqual(EXITED);
    expect(channel.consumedBytes).toBe("one two".length + "complaint".length);
  });

  test("that is not read is not consumed", async () => {
    const { channel, running } = start();
    for (let i = 0; i < 64; i++) channel.handler.data(0, KILOBYTES);
    expect(channel.consumedBytes).toBe(0);
    running.stdout.once("data", () => running.stdout.pause());
    await once(running.stdout, "pause");
    expect(channel.consumedBytes).toBeLessThanOrEqual(64 * 1024 + 2 * KILOBYTES.length);
    channel.handler.eof();
    let rest = 0;
    for await (const chunk of running.stdout) rest += (chunk as Buffer).length;
    expect(rest).toBe(63 * KILOBYTES.length);
    expect(channel.consumedBytes).toBe(64 * KILOBYTES.length);
  });

  test("without an EOF ends with the channel", async () => {
    const { channel, running } = start();
    channel.handler.data(0, utf8Encode("last words"));
    channel.finish();
    expect((await buffer(running.stdout)).toString()).toBe("last words");
  });

  test("that is destroyed returns its window credit and does not block the other stream", () => {
    const { channel, running } = start();
    channel.handler.data(0, KILOBYTES);
    running.stdout.destroy();
    channel.handler.data(0, KILOBYTES);
    expect(channel.consumedBytes).toBe(2 * KILOBYTES.length);
    channel.handler.eof();
    channel.finish();
  });

  test("is read up to the break, followed by the error that broke the connection", async () => {
    const { channel, running } = start();
    channel.handler.data(0, utf8Encode("half"));
    channel.finish(LOST);
    const chunks: string[] = [];
    const reading = (async () => {
      for await (const chunk of running.stdout) chunks.push(String(chunk));
    })();
    await expect(reading).rejects.toBe(LOST);
    expect(chunks).toEqual(["half"]);
    await expect(running.exit).rejects.toBe(LOST);
  });

  test("is complete before the error, even if read in pieces that do not divide its length", async () => {
    const { channel, running } = start();
    channel.handler.data(0, utf8Encode("0123456789"));
    channel.finish(LOST);
    const pieces: string[] = [];
    await new Promise<void>((resolve) => {
      running.stdout.on("readable", () => {
        for (let piece = running.stdout.read(4); piece !== null; piece = running.stdout.read(4))
          pieces.push(`${piece}`);
      });
      running.stdout.on("error", () => resolve());
    });
    expect(pieces).toEqual(["0123", "4567"]);
    expect(running.stdout.errored).toBe(LOST);
  });

  test("is complete before the error, even if it exceeds the stream's buffer", async () => {
    const { channel, running } = start();
    for (let i = 0; i < 64; i++) channel.handler.data(0, KILOBYTES);
    channel.finish(LOST);
    let read = 0;
    running.stdout.on("data", (chunk: Buffer) => {
      read += chunk.length;
      running.stdout.pause();
      setImmediate(() => running.stdout.resume());
    });
    await expect(once(running.stdout, "end")).rejects.toBe(LOST);
    expect(read).toBe(64 * KILOBYTES.length);
  });

  test.each([
    ["closed locally", (running: NodeProcess) => running.close(), "closed"],
    ["aborted by destroying its input", (running: NodeProcess) => Promise.resolve(running.stdin.destroy()), "closed"],
  ])("of a command that was %s fails, so that it does not look complete", async (_, close, code) => {
    const { channel, running } = start();
    channel.handler.data(0, utf8Encode("half"));
    channel.handler.data(1, utf8Encode("half a complaint"));
    const { stdout, stderr } = running;
    await close(running);
    await expect(buffer(stdout)).rejects.toMatchObject({ code });
    await expect(buffer(stderr)).rejects.toMatchObject({ code });
  });

  test.each([
    ["closed locally", (running: NodeProcess) => running.close()],
    ["cut off", async (_: NodeProcess, channel: FakeChannel) => channel.finish(LOST)],
  ])("whose EOF arrived stays complete if the command is then %s", async (_, close) => {
    const { channel, running } = start();
    channel.handler.data(0, utf8Encode("all"));
    channel.handler.eof();
    await close(running, channel);
    expect((await buffer(running.stdout)).toString()).toBe("all");
    expect((await buffer(running.stderr)).toString()).toBe("");
  });

  test("fails if the server closes the channel without EOF and exit status", async () => {
    const { channel, running } = start();
    channel.handler.data(0, utf8Encode("half"));
    channel.finish(undefined, UNTOLD);
    await expect(buffer(running.stdout)).rejects.toMatchObject({ code: "channel-closed" });
  });

  test("that is not read fails immediately if nothing is buffered", async () => {
    const { channel, running } = start();
    channel.finish(LOST);
    await expect(once(running.stdout, "end")).rejects.toBe(LOST);
  });
});

describe("error output", () => {
  test("that is not accessed is kept up to 256 KiB, and its window credit returned", async () => {
    const { channel, running } = start();
    for (let i = 0; i < 64; i++) channel.handler.data(1, KILOBYTES);
    expect(channel.consumedBytes).toBe(64 * KILOBYTES.length);
    channel.handler.eof();
    expect(await buffer(running.stderr)).toHaveLength(256 * 1024);
  });

  test("that is accessed is kept, and waits for its reader", async () => {
    const { channel, running } = start();
    const { stderr } = running;
    for (let i = 0; i < 64; i++) channel.handler.data(1, KILOBYTES);
    expect(channel.consumedBytes).toBe(0);
    channel.handler.eof();
    expect(await buffer(stderr)).toHaveLength(64 * KILOBYTES.length);
  });
});

describe("input", () => {
  test("is written when the channel has room, and then ended", async () => {
    const { channel, running } = start();
    channel.room = 10;
    const text = "what the command reads, in several pieces";
    const written = pipeline(Readable.from(text.split(/(?<= )/)), running.stdin);
    while (channel.written.length < text.length) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(channel.calls).toEqual([]);
      channel.room = 7;
      channel.handler.writable();
    }
    await written;
    expect(channel.written).toBe(text);
    expect(channel.calls).toEqual(["end"]);
  });

  test("applies backpressure while the channel has no room", () => {
    const { channel, running } = start();
    channel.room = 0;
    expect(running.stdin.write(KILOBYTES)).toBe(true);
    expect(running.stdin.write(KILOBYTES)).toBe(false);
    expect(channel.written).toHaveLength(0);
  });

  test("closes the channel if its source fails, so that the command does not mistake partial input for complete input", async () => {
    const { channel, running } = start();
    const source = new Readable({ read: () => {} });
    const written = pipeline(source, running.stdin);
    source.push("half");
    source.destroy(new Error("disk failure"));
    await expect(written).rejects.toThrow("disk failure");
    expect(channel.calls).toEqual(["close"]);
  });

  test("of a command that has ended fails further writes", async () => {
    const { channel, running } = start();
    channel.room = 1;
    const written = pipeline(Readable.from(["more than it reads"]), running.stdin);
    channel.finish();
    await expect(written).rejects.toMatchObject({ code: "channel-closed" });
  });

  test("that was sent completely is not affected by the end", async () => {
    const { channel, running } = start();
    await new Promise<void>((resolve) => running.stdin.end("all", () => resolve()));
    channel.finish();
    expect(running.stdin.errored).toBeNull();
  });
});

describe("a running command", () => {
  test("can be sent signals, breaks and sizes, and closed", async () => {
    const { channel, running } = start();
    running.kill();
    running.resize(132, 43);
    await running.sendBreak();
    await running[Symbol.asyncDispose]();
    await running.close();
    expect(channel.calls).toEqual(["signal", "window-change", "break", "close"]);
  });

  test("refuses invalid signals, sizes and breaks before anything is sent", async () => {
    const { channel, running } = start();
    running.kill("SIGTERM");
    expect(() => running.kill("sigterm")).toThrow(expect.objectContaining({ code: "usage" }));
    expect(() => running.resize(Number.NaN, 43)).toThrow(expect.objectContaining({ code: "usage" }));
    await expect(running.sendBreak(-1)).rejects.toMatchObject({ code: "usage" });
    expect(channel.calls).toEqual(["signal"]);
  });

  test("closes even if the connection is lost", async () => {
    const { channel, running } = start();
    channel.finish(LOST);
    await running.close();
  });
});
