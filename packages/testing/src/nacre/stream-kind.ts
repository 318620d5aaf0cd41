import { utf8Encode } from "@nacre/wire";
import type { Channel, PairFacts, ReadEnd, StreamKind, StreamTypes, WriteEnd } from "nacre";
import { channelPair } from "nacre/internal";
import { describe, expect, it } from "vitest";
import { FakeChannel, LOST, UNTOLD } from "./fake-channel.ts";
import { code, failure } from "./outcomes.ts";

/** How an application uses streams of a kind. */
export interface StreamUse<K extends StreamTypes> {
  /** Everything that a stream gives, as text. Rejects with the error that it fails with. */
  read(stream: K["readable"]): Promise<string>;
  /** Gives a stream up before its end. */
  cancel(stream: K["readable"]): unknown;
  /** Writes a chunk. Resolves when the write is done. */
  write(stream: K["writable"], chunk: Uint8Array): Promise<unknown>;
  /** Ends a stream. Resolves when it has ended. */
  end(stream: K["writable"]): Promise<unknown>;
  /** Gives a stream up before its end. */
  abort(stream: K["writable"]): unknown;
  /** The two directions of a pair. */
  halves(pair: K["pair"]): { readonly readable: K["readable"]; readonly writable: K["writable"] };
  /** Gives a pair up before its end. */
  giveUp(pair: K["pair"]): unknown;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The claims that hold for streams of every kind. */
export function describeStreamKind<K extends StreamTypes>(kind: StreamKind<K>, use: StreamUse<K>): void {
  function readable(keep?: number): { end: ReadEnd<K["readable"]>; credit: () => number } {
    let credit = 0;
    const consumed = (bytes: number): void => {
      credit += bytes;
    };
    return { end: kind.readable({ consumed }, keep), credit: () => credit };
  }

  /** A target that has room for so many bytes. */
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

  describe("a stream to read", () => {
    it("gives all bytes in order, then ends, and counts them as consumed only then", async () => {
      const { end, credit } = readable();
      for (const word of ["one ", "two ", "three"]) end.receive(utf8Encode(word));
      end.finish();
      expect(credit()).toBe(0);
      expect(await use.read(end.stream)).toBe("one two three");
      expect(credit()).toBe("one two three".length);
    });

    it("gives bytes to a reader that waits", async () => {
      const { end, credit } = readable();
      const reading = use.read(end.stream);
      await turn();
      end.receive(utf8Encode("late"));
      await turn();
      expect(credit()).toBe(4);
      end.finish();
      expect(await reading).toBe("late");
    });

    it("fails with its error once everything was read", async () => {
      const { end, credit } = readable();
      end.receive(utf8Encode("half"));
      end.finish(LOST);
      expect(await failure(use.read(end.stream))).toBe(LOST);
      expect(credit()).toBe(4);
    });

    it("keeps the first outcome: an error after the end changes nothing", async () => {
      const { end } = readable();
      end.receive(utf8Encode("all"));
      end.finish();
      end.finish(LOST);
      expect(await use.read(end.stream)).toBe("all");
    });

    it("drops bytes beyond `keep`, and returns the credit of all at once", async () => {
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

    it("given up, returns the credit of what it held and of what follows", async () => {
      const { end, credit } = readable();
      end.receive(utf8Encode("held"));
      await use.cancel(end.stream);
      await turn();
      end.receive(utf8Encode("later"));
      end.open();
      end.receive(utf8Encode("again"));
      expect(credit()).toBe("heldlateragain".length);
      end.finish(LOST);
    });
  });

  describe("a stream to write to", () => {
    it("is done with a write when the target has taken all of it", async () => {
      const { end, taken, makeRoom } = writable(2);
      let done = false;
      const writing = use.write(end.stream, utf8Encode("letters")).then(() => {
        done = true;
      });
      await turn();
      expect([taken(), done]).toEqual(["le", false]);
      makeRoom(3);
      await turn();
      expect([taken(), done]).toEqual(["lette", false]);
      makeRoom(10);
      await writing;
      expect(taken()).toBe("letters");
    });

    it("ends the target behind everything that was written", async () => {
      const { end, taken, calls, makeRoom } = writable(0);
      const writing = use.write(end.stream, utf8Encode("all"));
      const ending = use.end(end.stream);
      await turn();
      expect(calls).toEqual([]);
      makeRoom(10);
      await writing;
      await ending;
      expect([taken(), calls]).toEqual(["all", ["end"]]);
    });

    it("given up, fails the pending write and aborts the target, which never ends", async () => {
      const { end, calls } = writable(0);
      const writing = failure(use.write(end.stream, utf8Encode("never taken")));
      await turn();
      await use.abort(end.stream);
      expect(await writing).toBeInstanceOf(Error);
      expect(calls).toEqual(["abort"]);
      await end.finished();
    });

    it("failed, fails pending and later writes with the error", async () => {
      const { end } = writable(0);
      const pending = failure(use.write(end.stream, utf8Encode("never taken")));
      await turn();
      end.fail(LOST);
      expect(await pending).toBe(LOST);
      expect(await failure(use.write(end.stream, utf8Encode("late")))).toBe(LOST);
      await end.finished();
    });

    it("is finished when all that was written has been taken", async () => {
      const { end, makeRoom } = writable(0);
      const writing = use.write(end.stream, utf8Encode("all"));
      await turn();
      let finished = false;
      const finishing = end.finished().then(() => {
        finished = true;
      });
      await turn();
      expect(finished).toBe(false);
      makeRoom(10);
      await Promise.all([writing, finishing]);
    });

    it("fails with what the target throws", async () => {
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

  function pair(facts?: PairFacts) {
    const channel = new FakeChannel();
    const stream = channelPair(channel as unknown as Channel, kind, facts);
    const { readable, writable } = use.halves(stream);
    const receive = (text: string): void => channel.handler.data("stdout", utf8Encode(text));
    return { channel, stream, readable, writable, receive };
  }

  describe("a pair", () => {
    it("carries bytes in both directions, and tells where it comes from", async () => {
      const { channel, stream, readable, writable, receive } = pair({ remoteAddress: "192.0.2.1", remotePort: 7 });
      expect(stream).toMatchObject({ remoteAddress: "192.0.2.1", remotePort: 7 });
      await use.write(writable, utf8Encode("question"));
      receive("ans");
      receive("wer");
      channel.handler.eof();
      expect(await use.read(readable)).toBe("answer");
      expect(channel.written.toString()).toBe("question");
    });

    it("whose writer ends goes on reading, and closes behind the peer's EOF", async () => {
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

    it("whose reader is at its end goes on writing, and closes behind its own EOF", async () => {
      const { channel, readable, writable, receive } = pair();
      receive("answer");
      channel.handler.eof();
      expect(await use.read(readable)).toBe("answer");
      await use.write(writable, utf8Encode("more"));
      expect([channel.written.toString(), channel.calls]).toEqual(["more", []]);
      await use.end(writable);
      expect(channel.calls).toEqual(["end", "close"]);
      expect(channel.reason).toBeUndefined();
    });

    it("ends behind what the channel has not taken", async () => {
      const { channel, writable } = pair();
      channel.room = 2;
      const writing = use.write(writable, utf8Encode("letters"));
      const ending = use.end(writable);
      await turn();
      expect([channel.written.toString(), channel.calls]).toEqual(["le", []]);
      channel.room = 10;
      channel.handler.writable();
      await Promise.all([writing, ending]);
      expect([channel.written.toString(), channel.calls]).toEqual(["letters", ["end"]]);
    });

    it("returns credit only when bytes are taken", async () => {
      const { channel, readable, receive } = pair();
      receive("waits");
      await turn();
      expect(channel.consumedBytes).toBe(0);
      channel.handler.eof();
      await use.read(readable);
      expect(channel.consumedBytes).toBe(5);
    });

    it("drops extended data with its credit, and refuses requests", () => {
      const { channel } = pair();
      const replies: unknown[] = [];
      channel.reply = (...reply: unknown[]) => void replies.push(reply);
      channel.handler.data("stderr", utf8Encode("noise"));
      expect(channel.consumedBytes).toBe(5);
      const request = { type: "channel-request" } as never;
      channel.handler.request(request);
      expect(replies).toEqual([[request, false]]);
    });

    it("given up, closes the channel once with a reason, fails the pending write and drops what follows", async () => {
      const { channel, stream, writable, receive } = pair();
      channel.room = 0;
      const writing = failure(use.write(writable, utf8Encode("never taken")));
      receive("held ");
      await turn();
      await use.giveUp(stream);
      expect(await writing).toBeInstanceOf(Error);
      await use.giveUp(stream);
      await turn();
      expect(channel.calls).toEqual(["close"]);
      expect(channel.reason).toEqual(code("closed"));
      expect(channel.consumedBytes).toBe(5);
    });

    it("closed by the peer without an EOF, fails the reader after the bytes that arrived", async () => {
      const { channel, readable, receive } = pair();
      receive("half");
      channel.finish(undefined, UNTOLD);
      expect(await failure(use.read(readable))).toEqual(code("channel-closed"));
      expect(channel.consumedBytes).toBe(4);
    });

    it("closed by the peer after an EOF, lets unread bytes be read", async () => {
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
    ])("closed by the peer %s, fails pending and later writes with the reason", async (_, eof, unread) => {
      const { channel, writable, receive } = pair();
      channel.room = 2;
      if (unread !== "") receive(unread);
      const pending = failure(use.write(writable, utf8Encode("letters")));
      await turn();
      if (eof) channel.handler.eof();
      channel.finish(undefined, UNTOLD);
      expect(await pending).toEqual(code("channel-closed"));
      expect(await failure(use.write(writable, utf8Encode("late")))).toEqual(code("channel-closed"));
    });

    it("fails both directions with the error that ended the connection", async () => {
      const { channel, readable, writable } = pair();
      channel.room = 0;
      const writing = failure(use.write(writable, utf8Encode("never taken")));
      const reading = failure(use.read(readable));
      await turn();
      channel.finish(LOST);
      expect(await Promise.all([reading, writing])).toEqual([LOST, LOST]);
    });
  });
}
