import { once } from "node:events";
import { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { departures } from "@nacre/testing/nacre/departures";
import { FakeChannel, LOST, UNTOLD } from "@nacre/testing/nacre/fake-channel";
import { failure } from "@nacre/testing/nacre/outcomes";
import type { Channel } from "nacre";
import type { SessionStart } from "nacre/extend";
import { describe, expect, test } from "vitest";
import { NodeSession } from "../src/listen/session.ts";

const START: SessionStart = {
  user: "alice",
  factors: [],
  clientVersion: undefined,
  remoteAddress: "127.0.0.1",
  kind: "exec",
  command: "x",
  forced: false,
  subsystem: undefined,
  env: {},
  pty: undefined,
  signal: new AbortController().signal,
  onRequest() {},
};
const ENDPOINTS = { remoteAddress: "127.0.0.1", remotePort: 1, localAddress: "127.0.0.1", localPort: 2 };

function start(): { channel: FakeChannel; session: NodeSession } {
  const channel = new FakeChannel();
  return { channel, session: new NodeSession(channel as unknown as Channel, START, ENDPOINTS) };
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield Buffer.alloc(10_000);
}

const macrotask = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Pipes from a stream until it fails, and returns the reason. From Node 24 on, `pipeline` rejects an already destroyed target with its own
 * error; the target itself still has the reason.
 */
async function pipeFromStream(stdout: Writable): Promise<void> {
  const isDestroyed = stdout.destroyed;
  const error = await failure(pipeline(Readable.from(endless()), stdout));
  throw isDestroyed && (await hidesReasons()) ? stdout.errored : error;
}

async function hidesReasons(): Promise<boolean> {
  const target = new Writable().on("error", () => {}).destroy(LOST);
  return (await failure(pipeline(Readable.from([]), target))) !== LOST;
}

/** Functions that write until they fail and return the error. */
const writers: readonly [string, (stdout: Writable) => Promise<unknown>][] = [
  ["a pipeline from a generator", (stdout) => pipeline(endless, stdout)],
  ["a pipeline from a stream", pipeFromStream],
  [
    "writes with callbacks",
    async (stdout) => {
      for (;;) {
        await new Promise<void>((resolve, reject) => {
          stdout.write(Buffer.alloc(10_000), (error) => (error ? reject(error) : resolve()));
        });
      }
    },
  ],
  [
    "a write with an encoding",
    async (stdout) => {
      for (;;) {
        await new Promise<void>((resolve, reject) => {
          stdout.write("ab".repeat(5000), "hex", (error) => (error ? reject(error) : resolve()));
        });
      }
    },
  ],
  [
    "one write too large, and an end with a callback",
    (stdout) =>
      new Promise<void>((resolve, reject) => {
        stdout.write(Buffer.alloc(1_000_000));
        stdout.end((error?: Error | null) => (error ? reject(error) : resolve()));
      }),
  ],
];

describe("a client that sends one byte per packet", () => {
  const BYTES = 100_000;
  const flood = (channel: FakeChannel): void => {
    for (let i = 0; i < BYTES; i++) channel.handler.data(0, Uint8Array.of(i));
  };

  test("does not cost one array per byte for a slow reader", async () => {
    const { channel, session } = start();
    session.stdin.once("data", () => session.stdin.pause());
    await macrotask();
    flood(channel);
    await macrotask();
    expect(session.stdin.readableLength).toBeGreaterThan(session.stdin.readableHighWaterMark);
    channel.handler.eof();
    // A flowing stream emits its buffered chunks unchanged.
    let chunks = 0;
    let length = 1;
    session.stdin.on("data", (chunk: Buffer) => {
      chunks++;
      length += chunk.length;
    });
    session.stdin.resume();
    await once(session.stdin, "end");
    expect(length).toBe(BYTES);
    expect(chunks).toBeLessThan(100);
    expect(channel.consumedBytes).toBe(BYTES);
  });

  /** Functions that read all input as it arrives. */
  const readers: readonly [string, (stdin: Readable, told: (bytes: Buffer) => void) => Promise<void>][] = [
    [
      "data events",
      async (stdin, told) => {
        stdin.on("data", told);
        await once(stdin, "end");
      },
    ],
    [
      "an iterator",
      async (stdin, told) => {
        for await (const chunk of stdin) told(chunk as Buffer);
      },
    ],
    [
      "reads of all data at each readable",
      async (stdin, told) => {
        stdin.on("readable", () => {
          for (let bytes = stdin.read() as Buffer | null; bytes !== null; bytes = stdin.read() as Buffer | null)
            told(bytes);
        });
        await once(stdin, "end");
      },
    ],
    [
      "one read at each readable",
      async (stdin, told) => {
        stdin.on("readable", () => {
          const bytes = stdin.read() as Buffer | null;
          if (bytes !== null) told(bytes);
        });
        await once(stdin, "end");
      },
    ],
    [
      "reads of seven bytes",
      async (stdin, told) => {
        stdin.on("readable", () => {
          for (let bytes = stdin.read(7) as Buffer | null; bytes !== null; bytes = stdin.read(7) as Buffer | null)
            told(bytes);
        });
        await once(stdin, "end");
      },
    ],
    [
      "a slow pipe",
      async (stdin, told) => {
        const slow = new Writable({
          highWaterMark: 16,
          write: (chunk: Buffer, _, done) => {
            told(chunk);
            setImmediate(done);
          },
        });
        await pipeline(stdin, slow);
      },
    ],
  ];

  test.each(readers)("delivers everything to a reader that uses %s", async (_, read) => {
    const { channel, session } = start();
    let received = Buffer.alloc(0);
    const done = read(session.stdin, (bytes) => {
      received = Buffer.concat([received, bytes]);
    });
    const all = Buffer.from(Array.from({ length: 700 }, (_, i) => i % 256));
    for (const [i, byte] of all.entries()) {
      channel.handler.data(0, Uint8Array.of(byte));
      // The data arrives in bursts. Each must be delivered although nothing follows it.
      if (i % 70 !== 69) continue;
      for (let macrotasks = 0; received.length < i + 1 && macrotasks < 500; macrotasks++) await macrotask();
      expect(received.length).toBe(i + 1);
    }
    channel.handler.eof();
    await done;
    expect(received.equals(all)).toBe(true);
    expect(channel.consumedBytes).toBe(all.length);
  });
});

describe("when the client disconnects", () => {
  describe.each(departures)("%s,", (_, depart) => {
    test.each(writers)("%s gets the reason", async (_name, write) => {
      const { channel, session } = start();
      const error = await failure(depart(channel, () => write(session.stdout)));
      expect(error).toMatchObject({ name: "SshError", code: "channel-closed" });
      // A later write fails with the same error.
      expect(await failure(writers[2]![1](session.stdout))).toBe(error);
      expect(await failure(new Promise((_done, failed) => session.stdout.end(failed)))).toBe(error);
      expect(await failure(pipeline(endless, session.stdout))).toBe(error);
    });
  });

  test.each([
    ["before it is read", 0],
    ["while it is read", 1],
  ])("the input fails with the reason, %s", async (_, macrotasks) => {
    for (const [error, code] of [
      [undefined, "channel-closed"],
      [LOST, "connection-lost"],
    ] as const) {
      const { channel, session } = start();
      channel.handler.data(0, Buffer.from("half"));
      const reading = macrotasks === 0 ? undefined : failure(text(session.stdin));
      await macrotask();
      channel.finish(error, UNTOLD);
      expect(await (reading ?? failure(text(session.stdin)))).toMatchObject({ name: "SshError", code });
      expect(await failure(text(session.stdin))).toMatchObject({ name: "SshError", code });
    }
  });

  test("input is complete if its EOF arrived", async () => {
    const { channel, session } = start();
    channel.handler.data(0, Buffer.from("all"));
    channel.handler.eof();
    channel.finish(LOST, UNTOLD);
    expect(await text(session.stdin)).toBe("all");
  });

  test("its streams cause no uncaught exception", async () => {
    const { channel, session } = start();
    channel.finish(LOST, UNTOLD);
    await macrotask();
    expect([session.stdin.errored, session.stdout.errored, session.stderr.errored]).toEqual([LOST, LOST, LOST]);
  });
});
