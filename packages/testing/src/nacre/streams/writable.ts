import { utf8Encode } from "@nacre/wire";
import type { StreamKind, StreamTypes, WriteEnd } from "nacre";
import { describe, expect, it } from "vitest";
import { macrotask } from "../../macrotask.ts";
import { LOST } from "../fake-channel.ts";
import { failure } from "../outcomes.ts";
import type { StreamUse } from "./stream-use.ts";

/** Defines the tests of streams that are written. */
export function describeWritable<K extends StreamTypes>(kind: StreamKind<K>, use: StreamUse<K>): void {
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
}
