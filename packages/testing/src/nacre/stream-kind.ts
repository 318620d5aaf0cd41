import { utf8Encode } from "@nacre/wire";
import type { Channel, PairFacts, ReadEnd, StreamKind, StreamTypes, WriteEnd } from "nacre";
import { channelPair } from "nacre/internal";
import { describe, expect, it } from "vitest";
import { macrotask } from "../macrotask.ts";
import { FakeChannel, LOST, UNTOLD } from "./fake-channel.ts";
import { code, failure } from "./outcomes.ts";

/** Application's operations on streams of one kind. */
export interface StreamUse<K extends StreamTypes> {
  /** Reads a stream to its end as text. Rejects with the stream's error. */
  read(stream: K["readable"]): Promise<string>;
  /** Cancels a stream before its end. */
  cancel(stream: K["readable"]): unknown;
  /** Writes a chunk. Resolves when the write is done. */
  write(stream: K["writable"], chunk: Uint8Array): Promise<unknown>;
  /** Ends a stream. Resolves when it has ended. */
  end(stream: K["writable"]): Promise<unknown>;
  /** Aborts a stream before its end. */
  abort(stream: K["writable"]): unknown;
  /** Returns the two directions of a pair. */
  halves(pair: K["pair"]): { readonly readable: K["readable"]; readonly writable: K["writable"] };
  /** Destroys a pair before its end. */
  giveUp(pair: K["pair"]): unknown;
}

/** Defines the tests that streams of every kind must pass. */
export function describeStreamKind<K extends StreamTypes>(kind: StreamKind<K>, use: StreamUse<K>): void {
  function readable(keep?: number): { end: ReadEnd<K["readable"]>; credit: () => number } {
    let credit = 0;
    const consumed = (bytes: number): void => {
      credit += bytes;
    };
    return { end: kind.readable({ consumed }, keep), credit: () => credit };
  }

  /** Creates a write stream on a target with room for this many bytes. */
  function writable(room: number): {
    end: WriteEnd<K["writable"]>;
    taken: () => string;
    calls: string[];
    makeRoom: (bytes: number) => void;
  } {
    let left = room;
    let taken = "";
    const calls: string[] = [];
    const end = kind.writable({
      write(bytes) {
        const some = bytes.subarray(0, left);
        left -= some.length;
        taken += new TextDecoder().decode(some);
        return some.length;
      },
      end: () => void calls.push("end"),
      abort: () => void calls.push("abort"),
    });
    const makeRoom = (bytes: number): void => {
      left += bytes;
      end.room();
    };
    return { end, taken: () => taken, calls, makeRoom };
  }

  describe("readable stream", () => {
    it("delivers all bytes in order, then ends; returns credit only when bytes are read", async () => {
      const { end, credit } = readable();
      for (const word of ["one ", "two ", "three"]) end.receive(utf8Encode(word));
      end.finish();
      expect(credit()).toBe(0);
      expect(await use.read(end.stream)).toBe("one two three");
      expect(credit()).toBe("one two three".length);
    });

    it("delivers bytes to a waiting reader", async () => {
      const { end, credit } = readable();
      const reading = use.read(end.stream);
      await macrotask();
      end.receive(utf8Encode("late"));
      await macrotask();
      expect(credit()).toBe(4);
      end.finish();
      expect(await reading).toBe("late");
    });

    it("fails with its error after all bytes are read", async () => {
      const { end, credit } = readable();
      end.receive(utf8Encode("half"));
      end.finish(LOST);
      expect(await failure(use.read(end.stream))).toBe(LOST);
      expect(credit()).toBe(4);
    });

    it("ignores an error after the end", async () => {
      const { end } = readable();
      end.receive(utf8Encode("all"));
      end.finish();
      end.finish(LOST);
      expect(await use.read(end.stream)).toBe("all");
    });

    it("drops bytes beyond `keep` and returns credit for all bytes immediately", async () => {
      const { end, credit } = readable(6);
      end.receive(utf8Encode("kept"));
      end.receive(utf8Encode("dropped"));
      end.finish();
      expect(credit()).toBe(11);
      expect(await use.read(end.stream)).toBe("keptdr");
      expect(credit()).toBe(11);
    });

    it("drops nothing after `open`", async () => {
      const { end, credit } = readable(2);
      end.open();
      end.receive(utf8Encode("everything"));
      end.finish();
      expect(credit()).toBe(0);
      expect(await use.read(end.stream)).toBe("everything");
    });

    it("returns credit for buffered and later bytes after a cancel", async () => {
      const { end, credit } = readable();
      end.receive(utf8Encode("held"));
      await use.cancel(end.stream);
      await macrotask();
      end.receive(utf8Encode("later"));
      end.open();
      end.receive(utf8Encode("again"));
      expect(credit()).toBe("heldlateragain".length);
      end.finish(LOST);
    });
  });

  describe("writable stream", () => {
    it("resolves a write when the target has accepted all of it", async () => {
      const { end, taken, makeRoom } = writable(2);
      let done = false;
      const writing = use.write(end.stream, utf8Encode("letters")).then(() => {
        done = true;
      });
      await macrotask();
      expect([taken(), done]).toEqual(["le", false]);
      makeRoom(3);
      await macrotask();
      expect([taken(), done]).toEqual(["lette", false]);
      makeRoom(10);
      await writing;
      expect(taken()).toBe("letters");
    });

    it("ends the target after all written bytes", async () => {
      const { end, taken, calls, makeRoom } = writable(0);
      const writing = use.write(end.stream, utf8Encode("all"));
      const ending = use.end(end.stream);
      await macrotask();
      expect(calls).toEqual([]);
      makeRoom(10);
      await writing;
      await ending;
      expect([taken(), calls]).toEqual(["all", ["end"]]);
    });

    it("rejects the pending write and aborts the target after an abort", async () => {
      const { end, calls } = writable(0);
      const writing = failure(use.write(end.stream, utf8Encode("never accepted")));
      await macrotask();
      await use.abort(end.stream);
      expect(await writing).toBeInstanceOf(Error);
      expect(calls).toEqual(["abort"]);
      await end.finished();
    });

    it("rejects pending and later writes with the error after `fail`", async () => {
      const { end } = writable(0);
      const pending = failure(use.write(end.stream, utf8Encode("never accepted")));
      await macrotask();
      end.fail(LOST);
      expect(await pending).toBe(LOST);
      expect(await failure(use.write(end.stream, utf8Encode("late")))).toBe(LOST);
      await end.finished();
    });

    it("resolves `finished` when the target has accepted all written bytes", async () => {
      const { end, makeRoom } = writable(0);
      const writing = use.write(end.stream, utf8Encode("all"));
      await macrotask();
      let finished = false;
      const finishing = end.finished().then(() => {
        finished = true;
      });
      await macrotask();
      expect(finished).toBe(false);
      makeRoom(10);
      await Promise.all([writing, finishing]);
    });

    it("rejects a write with the error that the target throws", async () => {
      const end = kind.writable({
        write() {
          throw LOST;
        },
        end() {},
        abort() {},
      });
      expect(await failure(use.write(end.stream, utf8Encode("any")))).toBe(LOST);
      await end.finished();
    });
  });

  /** Creates a write stream on a target that takes time to end. */
  function slow(): { stream: K["writable"]; settle: (error?: Error) => void; calls: string[] } {
    let settle!: (error?: Error) => void;
    const calls: string[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    const { stream } = kind.writable({
      write: (bytes) => bytes.length,
      end() {
        calls.push("end");
        return ended;
      },
      abort: () => {
        calls.push("abort");
        settle(LOST);
      },
    });
    return { stream, settle, calls };
  }

  describe("writable stream on a target that takes time to end", () => {
    it("finishes when the target has ended", async () => {
      const { stream, settle, calls } = slow();
      let isOver = false;
      const ending = use.end(stream).then(() => {
        isOver = true;
      });
      await macrotask();
      expect([isOver, calls]).toEqual([false, ["end"]]);
      settle();
      await ending;
      expect(calls).toEqual(["end"]);
    });

    it("fails with the error of ending", async () => {
      const { stream, settle } = slow();
      const ending = failure(use.end(stream));
      settle(LOST);
      expect(await ending).toBe(LOST);
    });

    it("aborts the target that is still ending", async () => {
      const { stream, calls } = slow();
      const ending = failure(use.end(stream));
      await macrotask();
      void failure(Promise.resolve(use.abort(stream)));
      expect(await ending).toBeInstanceOf(Error);
      expect(calls).toEqual(["end", "abort"]);
    });
  });

  it("reports a readable stream that is cancelled before its end, once, and none that has ended", async () => {
    let cancelled = 0;
    const make = (): ReadEnd<K["readable"]> => kind.readable({ consumed() {}, cancelled: () => void cancelled++ });
    const whole = make();
    whole.receive(utf8Encode("all"));
    whole.finish();
    expect(await use.read(whole.stream)).toBe("all");
    await macrotask();
    expect(cancelled).toBe(0);
    const { stream } = make();
    await use.cancel(stream);
    await macrotask();
    expect(cancelled).toBe(1);
  });

  function pair(facts?: PairFacts) {
    const channel = new FakeChannel();
    const stream = channelPair(channel as unknown as Channel, kind, facts);
    const { readable, writable } = use.halves(stream);
    const receive = (text: string): void => channel.handler.data("stdout", utf8Encode(text));
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
      channel.handler.data("stderr", utf8Encode("noise"));
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
