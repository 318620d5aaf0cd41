import { SshError, utf8Encode } from "@nacre/wire";
import type { ReadEnd, StreamKind, StreamTypes, WriteEnd } from "nacre";
import { describe, expect, it } from "vitest";
import { failure } from "./outcomes.ts";

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
}

const LOST = new SshError("connection-lost", "the connection broke");
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
}
