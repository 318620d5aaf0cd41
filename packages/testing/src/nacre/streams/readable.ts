import { utf8Encode } from "@nacre/wire";
import type { ReadEnd, StreamKind, StreamTypes } from "nacre";
import { describe, expect, it } from "vitest";
import { macrotask } from "../../macrotask.ts";
import { LOST } from "../fake-channel.ts";
import { failure } from "../outcomes.ts";
import type { StreamUse } from "./stream-use.ts";

/** Defines the tests of streams that are read. */
export function describeReadable<K extends StreamTypes>(kind: StreamKind<K>, use: StreamUse<K>): void {
  function readable(keep?: number): { end: ReadEnd<K["readable"]>; credit: () => number } {
    let credit = 0;
    const consumed = (bytes: number): void => {
      credit += bytes;
    };
    return { end: kind.readable({ consumed }, keep), credit: () => credit };
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
}
