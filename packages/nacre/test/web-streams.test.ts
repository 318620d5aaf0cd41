import { FakeChannel } from "@nacre/testing/nacre/fake-channel";
import { text } from "@nacre/testing/nacre/outcomes";
import { describeStreamKind } from "@nacre/testing/nacre/streams/stream-kind";
import { utf8Encode } from "@nacre/wire";
import type { Channel } from "nacre";
import { expect, it } from "vitest";
import { webStreams } from "../src/streams/web-streams.ts";
import { channelPair } from "../src/users/forward/channel-pair.ts";

/** Uses a writer for one step. */
async function withWriter<T, R>(
  stream: WritableStream<T>,
  use: (writer: WritableStreamDefaultWriter<T>) => Promise<R>,
): Promise<R> {
  const writer = stream.getWriter();
  writer.closed.catch(() => {});
  const result = use(writer);
  writer.releaseLock();
  return result;
}

describeStreamKind(webStreams, {
  read: text,
  cancel: (stream) => stream.cancel(),
  write: (stream, chunk) => withWriter(stream, (writer) => writer.write(chunk)),
  end: (stream) => stream.close(),
  abort: (stream) => stream.abort(new Error("given up")),
  halves: (pair) => pair,
  giveUp: (pair) => Promise.allSettled([pair.readable.cancel(), pair.writable.abort(new Error("given up"))]),
});

it.each([
  [
    "before",
    (pair: { readable: ReadableStream; writable: WritableStream }) => [pair.readable.cancel(), pair.writable.close()],
  ],
  [
    "after",
    (pair: { readable: ReadableStream; writable: WritableStream }) => [pair.writable.close(), pair.readable.cancel()],
  ],
])("a pair whose readable is cancelled %s its writable is closed closes the channel", async (_, leave) => {
  const channel = new FakeChannel();
  const pair = channelPair(channel as unknown as Channel, webStreams);
  channel.handler.data(0, utf8Encode("unread"));
  await Promise.all(leave(pair));
  expect(channel.calls).toEqual(["end", "close"]);
  expect(channel.reason).toBeUndefined();
  expect(channel.consumedBytes).toBe(6);
});
