import { macrotask } from "@nacre/testing/macrotask";
import { FakeChannel, LOST, UNTOLD } from "@nacre/testing/nacre/fake-channel";
import { FakeDuplex } from "@nacre/testing/nacre/fake-duplex";
import { code } from "@nacre/testing/nacre/outcomes";
import { utf8Encode } from "@nacre/wire";
import { array, asyncProperty, assert as checkProperty, constant, nat, oneof, record } from "fast-check";
import type { Channel } from "nacre";
import { describe, expect, it } from "vitest";
import { bridge } from "../../src/forward/bridge.ts";

function bridged(signal = new AbortController().signal) {
  const channel = new FakeChannel();
  const duplex = new FakeDuplex();
  let resolved = 0;
  const done = bridge(channel as unknown as Channel, duplex, signal).then(() => void resolved++);
  const receive = (text: string): void => channel.handler.data(0, utf8Encode(text));
  const send = (text: string): void => duplex.handler.data(utf8Encode(text));
  return { channel, duplex, done, receive, send, resolved: () => resolved };
}

describe("from the channel", () => {
  it("writes all packets of a turn together, in order", async () => {
    const { duplex, receive } = bridged();
    receive("one ");
    receive("two ");
    expect(duplex.writes).toEqual([]);
    await macrotask();
    receive("three");
    await macrotask();
    expect(duplex.writes).toEqual(["one two ", "three"]);
  });

  it("gives the byte connection the whole buffers, which it may detach", async () => {
    const { channel, duplex } = bridged();
    const part = utf8Encode("[part]").subarray(1, 5);
    channel.handler.data(0, part);
    await macrotask();
    expect([duplex.written, part.buffer.byteLength]).toEqual(["part", 0]);
  });

  it("returns credit only when the byte connection has room", async () => {
    const { channel, duplex, receive } = bridged();
    duplex.room = 5;
    receive("1234");
    await macrotask();
    expect(channel.consumedBytes).toBe(4);
    receive("567");
    await macrotask();
    receive("89");
    await macrotask();
    expect([duplex.written, channel.consumedBytes]).toEqual(["123456789", 4]);
    duplex.makeRoom(3);
    expect(channel.consumedBytes).toBe(4);
    duplex.makeRoom(100);
    expect(channel.consumedBytes).toBe(9);
  });

  it("ends the byte connection after the last bytes, and leaves the other direction open", async () => {
    const { channel, duplex, receive, send } = bridged();
    receive("last");
    channel.handler.eof();
    expect([duplex.writes, duplex.calls]).toEqual([["last"], ["end"]]);
    await macrotask();
    send("answer");
    expect([channel.written, channel.calls]).toEqual(["answer", []]);
    duplex.handler.ended();
    expect(channel.calls).toEqual(["end", "close"]);
  });

  it("drops extended data with its credit, and refuses requests", () => {
    const { channel, duplex } = bridged();
    const replies: unknown[] = [];
    channel.reply = (...reply: unknown[]) => void replies.push(reply);
    channel.handler.data(1, utf8Encode("noise"));
    const request = { type: "channel-request" } as never;
    channel.handler.request(request);
    expect([channel.consumedBytes, duplex.writes, replies]).toEqual([5, [], [[request, false]]]);
  });
});

describe("from the byte connection", () => {
  it("keeps a copy of one chunk while the channel is full, and resumes when it has room", () => {
    const { channel, duplex } = bridged();
    channel.room = 3;
    const chunk = utf8Encode("letters");
    duplex.handler.data(chunk);
    chunk.fill(0);
    expect([channel.written, duplex.paused]).toEqual(["let", true]);
    channel.room = 2;
    channel.handler.writable();
    expect([channel.written, duplex.paused]).toEqual(["lette", true]);
    channel.room = 100;
    channel.handler.writable();
    expect([channel.written, duplex.paused]).toEqual(["letters", false]);
  });

  it("keeps the order if a chunk arrives after the pause", () => {
    const { channel, duplex, send } = bridged();
    channel.room = 3;
    send("first ");
    send("second ");
    // The channel has room, but has not called `writable` yet.
    channel.room = 100;
    send("third");
    channel.handler.writable();
    expect([channel.written, duplex.paused]).toEqual(["first second third", false]);
  });

  it("ends the channel after the remaining bytes, and leaves the other direction open", async () => {
    const { channel, duplex, receive, send } = bridged();
    channel.room = 0;
    send("last");
    duplex.handler.ended();
    expect(channel.calls).toEqual([]);
    channel.room = 100;
    channel.handler.writable();
    expect([channel.written, channel.calls]).toEqual(["last", ["end"]]);
    receive("answer");
    channel.handler.eof();
    await macrotask();
    expect([duplex.written, channel.calls, duplex.calls]).toEqual(["answer", ["end", "close"], ["end", "close"]]);
  });

  it("ignores room if no bytes are pending", () => {
    const { channel, duplex } = bridged();
    channel.handler.writable();
    expect([duplex.paused, channel.calls]).toEqual([false, []]);
  });
});

describe("the end", () => {
  it("waits for a byte connection that closes slowly, and happens once", async () => {
    const { channel, duplex, resolved } = bridged();
    let onClosed!: () => void;
    duplex.closing = new Promise((resolve) => {
      onClosed = resolve;
    });
    channel.handler.eof();
    duplex.handler.ended();
    await macrotask();
    expect([duplex.calls, resolved()]).toEqual([["end", "close"], 0]);
    onClosed();
    await macrotask();
    expect(resolved()).toBe(1);
  });

  it.each([
    ["with an EOF", true],
    ["without an EOF", false],
  ])("delivers all bytes to a slow byte connection if the peer closes %s", async (_, eof) => {
    const { channel, duplex, receive, resolved } = bridged();
    duplex.room = 1;
    receive("all");
    if (eof) channel.handler.eof();
    channel.finish(undefined, UNTOLD);
    await macrotask();
    expect([duplex.written, duplex.calls, resolved()]).toEqual(["all", ["end"], 0]);
    duplex.makeRoom(100);
    await macrotask();
    expect([duplex.calls, resolved()]).toEqual([["end", "close"], 1]);
  });

  it("resumes and drops bytes if the peer closes while a chunk is pending: a paused byte connection would not notice its end", async () => {
    const { channel, duplex, receive, send, resolved } = bridged();
    channel.room = 0;
    duplex.room = 1;
    receive("slowly taken");
    send("never sent");
    channel.finish(undefined, UNTOLD);
    await macrotask();
    expect(duplex.paused).toBe(false);
    send("dropped");
    duplex.handler.ended();
    duplex.makeRoom(100);
    await macrotask();
    expect([channel.written.length, duplex.calls, resolved()]).toEqual([0, ["end", "close"], 1]);
  });

  it("closes the channel with a reason and without EOF if the byte connection breaks", async () => {
    const { channel, duplex, send, resolved } = bridged();
    channel.room = 2;
    send("half");
    duplex.break(LOST);
    expect(channel.calls).toEqual(["close"]);
    expect(channel.reason).toEqual(code("closed"));
    expect(channel.reason?.cause).toBe(LOST);
    await macrotask();
    expect([duplex.calls, resolved()]).toEqual([["close"], 1]);
  });

  it("closes a slow byte connection that breaks before it took all bytes", async () => {
    const { channel, duplex, receive, resolved } = bridged();
    duplex.room = 1;
    receive("never taken");
    channel.finish(undefined, UNTOLD);
    await macrotask();
    // `end` may never resolve on a byte connection that broke.
    duplex.handler.failed(LOST);
    await macrotask();
    expect([duplex.calls, resolved()]).toEqual([["end", "close"], 1]);
  });

  it("writes received bytes and closes when the SSH connection ends", async () => {
    const { channel, duplex, receive, resolved } = bridged();
    receive("half");
    channel.finish(LOST);
    await macrotask();
    expect([duplex.written, duplex.calls, resolved()]).toEqual(["half", ["close"], 1]);
  });

  it("delivers the bytes of a channel that has already closed", async () => {
    const channel = new FakeChannel();
    const duplex = new FakeDuplex();
    Object.defineProperty(channel, "handler", {
      set: (handler: FakeChannel["handler"]) => {
        channel.closed = true;
        handler.data(0, utf8Encode("all"));
        handler.eof();
        handler.closed({ error: undefined, broken: false });
      },
    });
    await bridge(channel as unknown as Channel, duplex, new AbortController().signal);
    expect([duplex.writes, duplex.calls]).toEqual([["all"], ["end", "close"]]);
  });
});

describe("aborting", () => {
  type Bridged = ReturnType<typeof bridged>;
  const states: readonly [state: string, reach: (bridge: Bridged) => void][] = [
    ["at first", () => {}],
    ["while packets of a turn are pending", ({ receive }) => receive("packet")],
    [
      "while the byte connection is full",
      ({ duplex, receive }) => {
        duplex.room = 0;
        receive("packet");
      },
    ],
    [
      "while the channel is full",
      ({ channel, send }) => {
        channel.room = 0;
        send("chunk");
      },
    ],
    [
      "after the channel's EOF, with pending bytes",
      ({ channel, duplex, receive }) => {
        duplex.room = 0;
        receive("packet");
        channel.handler.eof();
      },
    ],
    ["after the byte connection's end", ({ duplex }) => duplex.handler.ended()],
    [
      "after the peer's CLOSE, with pending bytes",
      ({ channel, duplex, receive }) => {
        duplex.room = 0;
        receive("packet");
        channel.finish(undefined, UNTOLD);
      },
    ],
  ];

  it.each(states)("%s closes both, once", async (_, reach) => {
    for (const wait of [() => Promise.resolve(), macrotask]) {
      const abort = new AbortController();
      const all = bridged(abort.signal);
      reach(all);
      await wait();
      abort.abort();
      abort.abort();
      await macrotask();
      expect([all.channel.closed, all.duplex.calls.filter((call) => call === "close"), all.resolved()]).toEqual([
        true,
        ["close"],
        1,
      ]);
      if (all.channel.calls.includes("close")) expect(all.channel.reason).toEqual(code("closed"));
      expect(all.channel.calls.filter((call) => call === "close").length).toBeLessThanOrEqual(1);
    }
  });

  it("before the bridge starts closes both", async () => {
    const { channel, duplex, done } = bridged(AbortSignal.abort());
    await done;
    expect([channel.calls, duplex.calls]).toEqual([["close"], ["close"]]);
  });

  it("after the end has no effect", async () => {
    const abort = new AbortController();
    const { channel, duplex, done } = bridged(abort.signal);
    channel.handler.eof();
    duplex.handler.ended();
    await done;
    abort.abort();
    await macrotask();
    expect([channel.calls, channel.reason, duplex.calls]).toEqual([["end", "close"], undefined, ["end", "close"]]);
  });

  it("one signal ends a thousand bridges without a leak warning", async () => {
    const warnings: unknown[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    const abort = new AbortController();
    const all = Array.from({ length: 1000 }, () => bridged(abort.signal));
    await macrotask();
    abort.abort();
    await Promise.all(all.map(({ done }) => done));
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });
});

/** An event at a bridge. */
type Step =
  | { readonly type: "packet" | "chunk" | "drain" | "room"; readonly bytes: number }
  | { readonly type: "macrotask" | "eof" | "ended" | "close" };

const steps = array(
  oneof(
    ...(["packet", "chunk", "drain", "room"] as const).map((type) => record({ type: constant(type), bytes: nat(40) })),
    record({ type: constant("macrotask" as const) }),
    ...(["eof", "ended", "close"] as const).map((type) => record({ type: constant(type) })),
  ),
  { maxLength: 60 },
);

const WINDOW = 100;

/** Returns letters that depend on their position in the stream. */
const letters = (from: number, length: number): string =>
  Array.from({ length }, (_, i) => String.fromCharCode(97 + ((from + i) % 26))).join("");

describe("any order of events", () => {
  it("delivers the same bytes as a queue in both directions, and holds no more than the window and a chunk", () =>
    checkProperty(
      asyncProperty(steps, async (events: readonly Step[]) => {
        const { channel, duplex, resolved } = bridged();
        channel.room = 30;
        duplex.room = 30;
        const twin = { toDuplex: "", toChannel: "", eof: false, ended: false, closed: false };
        let isCut = false;
        for (const step of events) {
          switch (step.type) {
            case "packet": {
              // The peer respects the window.
              const left = WINDOW - (twin.toDuplex.length - channel.consumedBytes);
              const bytes = Math.min(step.bytes, left);
              if (twin.eof || twin.closed || bytes === 0) break;
              const text = letters(twin.toDuplex.length, bytes);
              channel.handler.data(0, utf8Encode(text));
              twin.toDuplex += text;
              break;
            }
            case "chunk": {
              if (duplex.paused || twin.ended || twin.closed) break;
              const text = letters(twin.toChannel.length, step.bytes);
              duplex.handler.data(utf8Encode(text));
              twin.toChannel += text;
              break;
            }
            case "drain":
              duplex.makeRoom(step.bytes);
              break;
            case "room": {
              const wasFull = channel.room === 0;
              channel.room += step.bytes;
              if (!channel.closed && wasFull && channel.room > 0) channel.handler.writable();
              break;
            }
            case "macrotask":
              await Promise.resolve();
              await Promise.resolve();
              break;
            case "eof":
              if (!twin.eof && !twin.closed) channel.handler.eof();
              twin.eof = true;
              break;
            case "ended":
              if (!twin.ended && !duplex.paused) duplex.handler.ended();
              twin.ended ||= !duplex.paused;
              break;
            case "close":
              if (channel.closed) break;
              channel.finish(undefined, UNTOLD);
              isCut = true;
          }
          twin.closed ||= channel.closed;
          expect(twin.toDuplex.startsWith(duplex.written)).toBe(true);
          expect(twin.toChannel.startsWith(channel.written)).toBe(true);
          // Bytes held by the bridge and the byte connection.
          expect(twin.toDuplex.length - channel.consumedBytes).toBeLessThanOrEqual(WINDOW);
          if (!channel.closed) expect(twin.toChannel.length - channel.written.length).toBeLessThanOrEqual(40);
        }
        // Let everything run to its end.
        channel.room = 1e9;
        if (!channel.closed) channel.handler.writable();
        if (!twin.ended && !channel.closed) duplex.handler.ended();
        if (!twin.eof && !channel.closed) channel.handler.eof();
        await macrotask();
        duplex.makeRoom(1e9);
        await macrotask();
        expect(duplex.written).toBe(twin.toDuplex);
        if (!isCut) expect(channel.written).toBe(twin.toChannel);
        expect([duplex.calls, resolved()]).toEqual([["end", "close"], 1]);
        if (!isCut) expect(channel.calls).toEqual(["end", "close"]);
      }),
      { numRuns: 500 },
    ));
});
