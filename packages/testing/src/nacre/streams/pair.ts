import { utf8Encode } from "@nacre/wire";
import type { Channel, PairFacts, StreamKind, StreamTypes } from "nacre";
import { channelPair } from "nacre/extend";
import { describe, expect, it } from "vitest";
import { macrotask } from "../../macrotask.ts";
import { FakeChannel, LOST, UNTOLD } from "../fake-channel.ts";
import { code, failure } from "../outcomes.ts";
import type { StreamUse } from "./stream-use.ts";

/** Defines the tests of pairs of streams on a channel. */
export function describePair<K extends StreamTypes>(kind: StreamKind<K>, use: StreamUse<K>): void {
  function pair(facts?: PairFacts) {
    const channel = new FakeChannel();
    const stream = channelPair(channel as unknown as Channel, kind, facts);
    const { readable, writable } = use.halves(stream);
    const receive = (text: string): void => channel.handler.data(0, utf8Encode(text));
    return { channel, stream, readable, writable, receive };
  }

  describe("pair", () => {
    it("carries bytes in both directions and has the remote address", async () => {
      const { channel, stream, readable, writable, receive } = pair({ remoteAddress: "192.0.2.1", remotePort: 7 });
      expect(stream).toMatchObject({ remoteAddress: "192.0.2.1", remotePort: 7 });
      await use.write(writable, utf8Encode("question"));
      receive("ans");
      receive("wer");
      channel.handler.eof();
      expect(await use.read(readable)).toBe("answer");
      expect(channel.written).toBe("question");
    });

    it("keeps reading after its writer ends, and closes after the peer's EOF", async () => {
      const { channel, readable, writable, receive } = pair();
      await use.write(writable, utf8Encode("question"));
      await use.end(writable);
      expect(channel.calls).toEqual(["end"]);
      receive("answer");
      expect(channel.calls).toEqual(["end"]);
      channel.handler.eof();
      expect(channel.calls).toEqual(["end", "close"]);
      expect(channel.reason).toBeUndefined();
      expect(await use.read(readable)).toBe("answer");
    });

    it("keeps writing after the peer's EOF, and closes after its own EOF", async () => {
      const { channel, readable, writable, receive } = pair();
      receive("answer");
      channel.handler.eof();
      expect(await use.read(readable)).toBe("answer");
      await use.write(writable, utf8Encode("more"));
      expect([channel.written, channel.calls]).toEqual(["more", []]);
      await use.end(writable);
      expect(channel.calls).toEqual(["end", "close"]);
      expect(channel.reason).toBeUndefined();
    });

    it("sends EOF after bytes that wait for room", async () => {
      const { channel, writable } = pair();
      channel.room = 2;
      const writing = use.write(writable, utf8Encode("letters"));
      const ending = use.end(writable);
      await macrotask();
      expect([channel.written, channel.calls]).toEqual(["le", []]);
      channel.room = 10;
      channel.handler.writable();
      await Promise.all([writing, ending]);
      expect([channel.written, channel.calls]).toEqual(["letters", ["end"]]);
    });

    it("returns credit only when bytes are read", async () => {
      const { channel, readable, receive } = pair();
      receive("waits");
      await macrotask();
      expect(channel.consumedBytes).toBe(0);
      channel.handler.eof();
      await use.read(readable);
      expect(channel.consumedBytes).toBe(5);
    });

    it("drops extended data, returns its credit, and refuses requests", () => {
      const { channel } = pair();
      const replies: unknown[] = [];
      channel.reply = (...reply: unknown[]) => void replies.push(reply);
      channel.handler.data(1, utf8Encode("noise"));
      expect(channel.consumedBytes).toBe(5);
      const request = { type: "channel-request" } as never;
      channel.handler.request(request);
      expect(replies).toEqual([[request, false]]);
    });

    it("closes the channel once, rejects the pending write and drops data when it is destroyed", async () => {
      const { channel, stream, writable, receive } = pair();
      channel.room = 0;
      const writing = failure(use.write(writable, utf8Encode("never accepted")));
      receive("held ");
      await macrotask();
      await use.giveUp(stream);
      expect(await writing).toBeInstanceOf(Error);
      await use.giveUp(stream);
      await macrotask();
      expect(channel.calls).toEqual(["close"]);
      expect(channel.reason).toEqual(code("closed"));
      expect(channel.consumedBytes).toBe(5);
    });

    it("fails the reader after the received bytes if the peer closes without EOF", async () => {
      const { channel, readable, receive } = pair();
      receive("half");
      channel.finish(undefined, UNTOLD);
      expect(await failure(use.read(readable))).toEqual(code("channel-closed"));
      expect(channel.consumedBytes).toBe(4);
    });

    it("delivers unread bytes if the peer closes after EOF", async () => {
      const { channel, readable, receive } = pair();
      receive("all");
      channel.handler.eof();
      channel.finish(undefined, UNTOLD);
      expect(await use.read(readable)).toBe("all");
    });

    it.each([
      ["before an EOF", false, ""],
      ["after an EOF", true, ""],
      ["before an EOF, with unread bytes", false, "unread"],
      ["after an EOF, with unread bytes", true, "unread"],
    ])("rejects pending and later writes if the peer closes %s", async (_, eof, unread) => {
      const { channel, writable, receive } = pair();
      channel.room = 2;
      if (unread !== "") receive(unread);
      const pending = failure(use.write(writable, utf8Encode("letters")));
      await macrotask();
      if (eof) channel.handler.eof();
      channel.finish(undefined, UNTOLD);
      expect(await pending).toEqual(code("channel-closed"));
      expect(await failure(use.write(writable, utf8Encode("late")))).toEqual(code("channel-closed"));
    });

    it("fails both directions with the error that ended the connection", async () => {
      const { channel, readable, writable } = pair();
      channel.room = 0;
      const writing = failure(use.write(writable, utf8Encode("never accepted")));
      const reading = failure(use.read(readable));
      await macrotask();
      channel.finish(LOST);
      expect(await Promise.all([reading, writing])).toEqual([LOST, LOST]);
    });
  });
}
