import { SshError } from "@nacre/wire";
import type { Channel as MuxChannel } from "nacre/extend";
import { expect, it } from "vitest";
import { Outflow } from "../../src/channel/outflow.ts";

/** An outflow over a channel with room for `room` bytes. */
function make(room: number): { outflow: Outflow; sent: string[]; channel: { room: number; error?: Error } } {
  const sent: string[] = [];
  const channel: { room: number; error?: Error } = { room };
  const write = (bytes: Uint8Array, stream: number): number => {
    if (channel.error !== undefined) throw channel.error;
    const taken = bytes.subarray(0, channel.room);
    channel.room -= taken.length;
    if (taken.length > 0) sent.push(`${stream} ${String(Buffer.from(taken))}`);
    return taken.length;
  };
  return { outflow: new Outflow({ write } as unknown as MuxChannel), sent, channel };
}

it("keeps the order of streams when room appears between two writes", () => {
  const { outflow, sent, channel } = make(1);
  const done: string[] = [];
  outflow.write(0, Buffer.from("out"), () => done.push("out"));
  channel.room = 100;
  outflow.write(1, Buffer.from("err"), () => done.push("err"));
  expect(sent).toEqual(["0 o"]);
  outflow.flush();
  expect(sent).toEqual(["0 o", "0 ut", "1 err"]);
  expect(done).toEqual(["out", "err"]);
  expect(outflow.isIdle).toBe(true);
});

it("sends several chunks in one write", () => {
  const { outflow, sent } = make(100);
  outflow.writeAll(0, [{ chunk: Buffer.from("a") }, { chunk: Buffer.from("b") }], () => {});
  expect(sent).toEqual(["0 ab"]);
});

it("drops what it writes to a channel that has ended before its event", () => {
  const { outflow, channel } = make(100);
  channel.error = new SshError("channel-closed", "the channel is closed");
  let done = 0;
  outflow.write(0, Buffer.from("a"), () => done++);
  expect(done).toBe(1);
  channel.error = new Error("a mistake");
  expect(() => outflow.write(0, Buffer.from("a"), () => {})).toThrow("a mistake");
});
