import { connected, StreamServer, welcome } from "@nacre/testing/nacre/host";
import { code, failure, text } from "@nacre/testing/nacre/outcomes";
import { SSH_MSG_CHANNEL_CLOSE, utf8Encode } from "@nacre/wire";
import { connect, Process, type SshError } from "nacre";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Channel } from "../src/mux/channel.ts";
import { webStreams } from "../src/streams/web-streams.ts";

// What a user gives up comes to an end, whatever the other side does or leaves undone.

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Longer than anything that is given up takes. */
const aWhile = (): Promise<unknown> => vi.advanceTimersByTimeAsync(5000);

test("a command whose CLOSE is never answered", async () => {
  const { client, host } = await connected({ ignore: [SSH_MSG_CHANNEL_CLOSE.number], onExec: () => {} });
  const abort = new AbortController();
  const process = await client.spawn("x", { signal: abort.signal });
  const reading = failure(process.stdout.getReader().read());
  const writing = failure(process.stdin.getWriter().write(new Uint8Array(3 << 20)));
  abort.abort();
  const closed = process.close();
  await aWhile();
  await closed;
  expect(await reading).toEqual(code("aborted"));
  expect(await writing).toEqual(code("aborted"));
  // What still comes is nobody's.
  host.server.connection.write(0, utf8Encode("late"));
  await host.flush();
  const other = await client.spawn("y");
  const closing = other.close();
  await aWhile();
  await closing;
  await client.close();
  expect(await client.ended).toEqual(code("closed"));
});

test("a command that is closed takes signals and sizes without effect, before and after the server's CLOSE", async () => {
  const { client } = await connected({ ignore: [SSH_MSG_CHANNEL_CLOSE.number], onExec: () => {} });
  const process = await client.spawn("x");
  const closed = process.close();
  process.kill();
  process.resize(80, 24);
  expect(await failure(process.sendBreak())).toEqual(code("channel-closed"));
  await aWhile();
  await closed;
  process.kill();
  process.resize(80, 24);
  await client.close();
});

test("an input that waits for a window which never opens", async () => {
  const calls: string[] = [];
  const input = webStreams.writable({
    write: () => 0,
    end: () => calls.push("end"),
    abort: () => calls.push("abort"),
  });
  const writer = input.stream.getWriter();
  const writing = failure(writer.write("never taken"));
  await Promise.resolve();
  const reason = new Error("no more");
  await writer.abort(reason);
  expect(await writing).toBe(reason);
  expect(calls).toEqual(["abort"]);
});

test("an output that was cancelled, and is looked at again: what comes is dropped, and its credit returns", async () => {
  let credit = 0;
  const source = {
    consumed: (bytes: number) => {
      credit += bytes;
    },
  };
  const output = webStreams.readable(source, 100);
  const reader = output.stream.getReader();
  const reading = reader.read();
  await reader.cancel();
  expect(await reading).toEqual({ done: true, value: undefined });
  output.open();
  for (let i = 0; i < 3; i++) output.receive(utf8Encode("more"));
  expect(credit).toBe(12);
});

test("a connection whose other end reads no more: the stream to it is aborted", async () => {
  const host = new StreamServer();
  const inner = host.streams.writable.getWriter();
  let isStuck = false;
  let aborted = false;
  const writable = new WritableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => {
      controller.signal.addEventListener("abort", () => {
        aborted = true;
      });
    },
    write: (bytes) => (isStuck ? new Promise<void>(() => {}) : inner.write(bytes)),
  });
  const client = await connect({ readable: host.streams.readable, writable }, welcome);
  isStuck = true;
  const closing = client.close();
  await aWhile();
  await closing;
  expect(aborted).toBe(true);
});

test("what comes for a channel before its user is there is told when it is, and counts then", async () => {
  let credit = 0;
  const connection = {
    consumed: (_: number, bytes: number) => {
      credit += bytes;
    },
  };
  const channel = new Channel({ session: { connection: connection as never }, touch: () => {} }, 0);
  channel.handler.data("stdout", utf8Encode("as soon "));
  channel.handler.data("stdout", utf8Encode("as may be"));
  channel.handler.data("stderr", utf8Encode("warning"));
  channel.handler.eof();
  expect(credit).toBe(0);
  const process = new Process(channel);
  expect(await text(process.stdout)).toBe("as soon as may be");
  expect(await text(process.stderr)).toBe("warning");
  expect(credit).toBe("as soon as may bewarning".length);
});

test("a channel that is closed before its user is there", async () => {
  const channel = new Channel({ session: { connection: {} as never }, touch: () => {} }, 0);
  channel.onClosed(undefined);
  const process = new Process(channel);
  expect(((await failure(text(process.stdout))) as SshError).code).toBe("channel-closed");
});

test("what comes for a channel that is over is nobody's", () => {
  const heard: string[] = [];
  const channel = new Channel({ session: { connection: {} as never }, touch: () => {} }, 0);
  channel.handler = {
    data: () => heard.push("data"),
    writable: () => heard.push("writable"),
    eof: () => heard.push("eof"),
    request: () => heard.push("request"),
    closed: () => heard.push("closed"),
  };
  channel.onClosed(undefined);
  channel.handler.data("stdout", utf8Encode("late"));
  channel.handler.eof();
  expect(heard).toEqual(["closed"]);
});
