import { connected, StreamServer, welcome } from "@nacre/testing/nacre/host";
import { code, failure, text } from "@nacre/testing/nacre/outcomes";
import { SSH_MSG_CHANNEL_CLOSE, utf8Encode } from "@nacre/wire";
import { connect, type SshError } from "nacre";
import { Process } from "nacre/extend";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Channel } from "../src/mux/channel.ts";
import { webStreams } from "../src/streams/web-streams.ts";

// Anything that the application closes or aborts ends in bounded time, even if the peer does not answer.

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Advances the clock past every timeout of closing. */
const aWhile = (): Promise<unknown> => vi.advanceTimersByTimeAsync(5000);

test("a command ends although the peer never answers its CLOSE", async () => {
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
  // Late data is dropped.
  host.server.connection.write(0, utf8Encode("late"));
  await host.flush();
  const other = await client.spawn("y");
  const closing = other.close();
  await aWhile();
  await closing;
  await client.close();
  expect(await client.ended).toEqual(code("closed"));
});

test("kill and resize have no effect after close, before and after the server answers", async () => {
  const { client } = await connected({ ignore: [SSH_MSG_CHANNEL_CLOSE.number], onExec: () => {} });
  const process = await client.spawn("x");
  const closed = process.close();
  const tooLate = (): void => {
    process.kill();
    process.resize(80, 24);
  };
  expect(tooLate).not.toThrow();
  expect(await failure(process.sendBreak())).toEqual(code("channel-closed"));
  await aWhile();
  await closed;
  expect(tooLate).not.toThrow();
  await client.close();
});

test("aborting an input fails a write that waits for the window", async () => {
  const calls: string[] = [];
  const input = webStreams.writable({
    write: () => 0,
    end: () => void calls.push("end"),
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

test("an output opened after it was cancelled still drops bytes and returns their credit", async () => {
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

test("closing a connection aborts its stream if the peer reads no more", async () => {
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

test("events before a handler is set are replayed to it, and their credit returns then", async () => {
  let credit = 0;
  const connection = {
    consumed: (_: number, bytes: number) => {
      credit += bytes;
    },
  };
  const channel = new Channel(
    { machine: { peerVersion: undefined, connection: connection as never, reject() {} }, touch: () => {} },
    0,
  );
  channel.handler.data(0, utf8Encode("as soon "));
  channel.handler.data(0, utf8Encode("as may be"));
  channel.handler.data(1, utf8Encode("warning"));
  channel.handler.eof();
  expect(credit).toBe(0);
  const process = new Process(channel);
  expect(await text(process.stdout)).toBe("as soon as may be");
  expect(await text(process.stderr)).toBe("warning");
  expect(credit).toBe("as soon as may bewarning".length);
});

test("a process on a channel that is already closed fails with channel-closed", async () => {
  const channel = new Channel(
    { machine: { peerVersion: undefined, connection: {} as never, reject() {} }, touch: () => {} },
    0,
  );
  channel.onClosed(undefined);
  const process = new Process(channel);
  expect(((await failure(text(process.stdout))) as SshError).code).toBe("channel-closed");
});

test("events after a channel has closed are dropped", () => {
  const heard: string[] = [];
  const channel = new Channel(
    { machine: { peerVersion: undefined, connection: {} as never, reject() {} }, touch: () => {} },
    0,
  );
  channel.handler = {
    data: () => heard.push("data"),
    writable: () => heard.push("writable"),
    eof: () => heard.push("eof"),
    request: () => heard.push("request"),
    closed: () => heard.push("closed"),
  };
  channel.onClosed(undefined);
  channel.handler.data(0, utf8Encode("late"));
  channel.handler.eof();
  expect(heard).toEqual(["closed"]);
});
