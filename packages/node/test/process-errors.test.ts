import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { macrotask } from "@nacre/testing/macrotask";
import { FakeChannel, LOST, UNTOLD } from "@nacre/testing/nacre/fake-channel";
import { code, failure, uncaught } from "@nacre/testing/nacre/outcomes";
import { SshError, utf8Encode } from "@nacre/wire";
import type { Channel } from "nacre";
import { describe, expect, test } from "vitest";
import { NodeProcess } from "../src/connect/process.ts";

// A process reports the loss of its connection once. Streams of files and of dialled connections are in stream-errors.test.ts.

const CLOSED = new SshError("closed", "the connection was closed by this side");

function start(): { channel: FakeChannel; running: NodeProcess; thrown: unknown[] } {
  const channel = new FakeChannel();
  return { channel, running: new NodeProcess(channel as unknown as Channel), thrown: uncaught() };
}

const half = (channel: FakeChannel): void => channel.handler.data(0, utf8Encode("half"));

describe("a broken connection without a listener is an uncaught exception", () => {
  const uses: readonly [string, (running: NodeProcess) => unknown][] = [
    ["stdout is piped", ({ stdout }) => stdout.pipe(new PassThrough())],
    ["stdout has a reader", ({ stdout }) => stdout.on("data", () => {})],
    ["stdout is discarded", ({ stdout }) => stdout.resume()],
    ["stderr is piped", ({ stderr }) => stderr.pipe(new PassThrough())],
    ["stdin is written", ({ stdin }) => stdin.write("some")],
    ["stdin is piped into", ({ stdin }) => new PassThrough().pipe(stdin)],
  ];

  test.each(uses)("if %s", async (_, use) => {
    const { channel, running, thrown } = start();
    use(running);
    half(channel);
    await macrotask();
    channel.finish(LOST);
    await macrotask();
    expect(thrown).toEqual([LOST]);
  });

  test("once, if all streams are used", async () => {
    const { channel, running, thrown } = start();
    for (const [, use] of uses) use(running);
    half(channel);
    channel.finish(LOST);
    await macrotask();
    expect(thrown).toEqual([LOST]);
  });

  test.each([
    ["stdout is piped", ({ stdout }: NodeProcess) => void stdout.pipe(new PassThrough())],
    ["stdin is written", ({ stdin }: NodeProcess) => void stdin.write("late")],
  ])("even if %s only after the end", async (_, use) => {
    const { channel, running, thrown } = start();
    channel.finish(LOST);
    await macrotask();
    expect(thrown).toEqual([]);
    use(running);
    await macrotask();
    expect(thrown).toEqual([LOST]);
  });

  test.each([
    ["stdout is piped", (running: NodeProcess) => void running.stdout.pipe(new PassThrough())],
    ["stdin is piped into", (running: NodeProcess) => void new PassThrough().pipe(running.stdin)],
    ["a write waits", (running: NodeProcess) => void running.stdin.write("some")],
  ])("also if the program closed the connection while %s", async (_, use) => {
    const { channel, running, thrown } = start();
    channel.room = 0;
    use(running);
    channel.finish(CLOSED);
    await macrotask();
    expect(thrown).toEqual([CLOSED]);
  });

  test("and so is output cut off by the server, which `exit` does not report", async () => {
    const { channel, running, thrown } = start();
    running.stdout.pipe(new PassThrough());
    const { exit } = running;
    half(channel);
    channel.finish(undefined, UNTOLD);
    expect(await exit).toEqual(UNTOLD);
    await macrotask();
    expect(thrown).toEqual([code("channel-closed")]);
  });
});

describe("a broken connection is reported once", () => {
  test("by `exit`, if the program took it", async () => {
    const { channel, running, thrown } = start();
    running.stdout.pipe(new PassThrough());
    running.stderr.resume();
    running.stdin.write("some");
    const exit = failure(running.exit);
    half(channel);
    channel.finish(LOST);
    expect(await exit).toBe(LOST);
    await macrotask();
    expect(thrown).toEqual([]);
  });

  test("by a pipeline that reads stdout, although stdin is written and stderr piped", async () => {
    const { channel, running, thrown } = start();
    channel.room = 0;
    running.stderr.pipe(new PassThrough());
    const input = new PassThrough();
    input.pipe(running.stdin);
    input.write("more than the channel takes");
    const copied = failure(pipeline(running.stdout, new PassThrough()));
    half(channel);
    channel.finish(LOST);
    expect(await copied).toBe(LOST);
    await macrotask();
    expect(thrown).toEqual([]);
  });

  test("by a pipeline into stdin, although stdout is piped", async () => {
    const { channel, running, thrown } = start();
    channel.room = 0;
    running.stdout.pipe(new PassThrough());
    const written = failure(pipeline(Readable.from(["some"]), running.stdin));
    await macrotask();
    half(channel);
    channel.finish(LOST);
    expect(await written).toBe(LOST);
    await macrotask();
    expect(thrown).toEqual([]);
  });

  test("by nothing, if the program used neither a stream nor `exit`", async () => {
    const { channel, running, thrown } = start();
    const { stdin, stdout, stderr } = running;
    channel.finish(LOST);
    await macrotask();
    expect([stdin.errored, stdout.errored, stderr.errored, thrown]).toEqual([LOST, LOST, LOST, []]);
  });

  test("by `exit` taken later, after output that had ended", async () => {
    const { channel, running, thrown } = start();
    channel.handler.eof();
    await buffer(running.stdout);
    channel.finish(LOST);
    await macrotask();
    expect(thrown).toEqual([]);
    await expect(running.exit).rejects.toBe(LOST);
  });

  test("by every listener, even if `exit` reports it too", async () => {
    const { channel, running, thrown } = start();
    const heard: unknown[] = [];
    for (const stream of [running.stdin, running.stdout, running.stderr])
      stream.on("error", (error) => heard.push(error));
    const exit = failure(running.exit);
    channel.finish(LOST);
    await exit;
    await macrotask();
    expect(heard).toEqual([LOST, LOST, LOST]);
    expect(thrown).toEqual([]);
  });
});

describe("no uncaught exception comes of", () => {
  test.each([
    ["`close`", (running: NodeProcess) => running.close()],
    ["destroying stdin", async ({ stdin }: NodeProcess) => void stdin.destroy()],
  ])("%s while stdout is piped", async (_, close) => {
    const { channel, running, thrown } = start();
    running.stdout.pipe(new PassThrough());
    half(channel);
    await close(running);
    await macrotask();
    expect(running.stdout.errored).toEqual(code("closed"));
    expect(thrown).toEqual([]);
  });

  test("a connection that the program closed, if it waited neither for the end of output nor for a write", async () => {
    const { channel, running, thrown } = start();
    running.stdout.on("data", () => {});
    running.stdin.write("some");
    channel.finish(CLOSED);
    await macrotask();
    expect(thrown).toEqual([]);
  });

  test("the end of a command that has taken all its input", async () => {
    const { channel, running, thrown } = start();
    running.stdin.write("some");
    channel.finish();
    await macrotask();
    running.stdin.write("late");
    await macrotask();
    expect(thrown).toEqual([]);
  });

  test("input that a command left, if `exit` says how it ended", async () => {
    const { channel, running, thrown } = start();
    channel.room = 0;
    running.stdin.write("some");
    const { exit } = running;
    channel.finish();
    expect((await exit).status).toBe(0);
    await macrotask();
    expect(thrown).toEqual([]);
  });
});

test("input that a command left is an uncaught exception without `exit` or a listener, as EPIPE is", async () => {
  const { channel, running, thrown } = start();
  channel.room = 0;
  running.stdin.write("some");
  channel.finish();
  await macrotask();
  expect(thrown).toEqual([code("channel-closed")]);
});

test("an error with which the program destroys a stream is an uncaught exception", async () => {
  const { running, thrown } = start();
  const own = new Error("the program's own");
  void failure(running.exit);
  running.stdout.destroy(own);
  await macrotask();
  expect(thrown).toEqual([own]);
});
