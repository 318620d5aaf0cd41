import { SshError } from "@nacre/wire";
import type { Channel as MuxChannel } from "nacre/extend";
import { expect, it } from "vitest";
import { SendQueue } from "../../src/channel/send-queue.ts";

/** A queue over a channel with room for `room` bytes. */
function make(room: number): { queue: SendQueue; sent: string[]; channel: { room: number; error?: Error } } {
  const sent: string[] = [];
  const channel: { room: number; error?: Error } = { room };
  const write = (bytes: Uint8Array, stream: number): number => {
    if (channel.error !== undefined) throw channel.error;
    const taken = bytes.subarray(0, channel.room);
    channel.room -= taken.length;
    if (taken.length > 0) sent.push(`${stream} ${String(Buffer.from(taken))}`);
    return taken.length;
  };
  return { queue: new SendQueue({}, { write } as unknown as MuxChannel), sent, channel };
}

it("keeps the order of streams when room appears between two writes", () => {
  const { queue, sent, channel } = make(1);
  const done: string[] = [];
  queue.write(0, Buffer.from("out"), () => done.push("out"));
  channel.room = 100;
  queue.write(1, Buffer.from("err"), () => done.push("err"));
  expect(sent).toEqual(["0 o"]);
  queue.flush();
  expect(sent).toEqual(["0 o", "0 ut", "1 err"]);
  expect(done).toEqual(["out", "err"]);
  expect(queue.isIdle).toBe(true);
});

it("sends several chunks in one write", () => {
  const { queue, sent } = make(100);
  queue.writeAll(0, [{ chunk: Buffer.from("a") }, { chunk: Buffer.from("b") }], () => {});
  expect(sent).toEqual(["0 ab"]);
});

it("drops what it writes to a channel that has ended before its event", () => {
  const { queue, channel } = make(100);
  channel.error = new SshError("channel-closed", "the channel is closed");
  let done = 0;
  queue.write(0, Buffer.from("a"), () => done++);
  expect(done).toBe(1);
  channel.error = new Error("a mistake");
  expect(() => queue.write(0, Buffer.from("a"), () => {})).toThrow("a mistake");
});
