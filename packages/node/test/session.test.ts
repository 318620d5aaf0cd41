import { Readable, type Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { SshError } from "@nacre/wire";
import type { Channel, SessionStart } from "nacre";
import { describe, expect, test } from "vitest";
import { FakeChannel, UNTOLD } from "../../nacre/test/support/fake-channel.ts";
import { NodeSession } from "../src/session.ts";

const START: SessionStart = {
  user: "alice",
  factors: [],
  remoteAddress: "127.0.0.1",
  kind: "exec",
  command: "x",
  subsystem: undefined,
  env: {},
  pty: undefined,
  signal: new AbortController().signal,
};
const ENDPOINTS = { remoteAddress: "127.0.0.1", remotePort: 1, localAddress: "127.0.0.1", localPort: 2 };
const LOST = new SshError("connection-lost", "the connection broke");

function start(): { channel: FakeChannel; session: NodeSession } {
  const channel = new FakeChannel();
  return { channel, session: new NodeSession(channel as unknown as Channel, START, ENDPOINTS) };
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield Buffer.alloc(10_000);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const tick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

/** Ways to write until it fails, and then to hear why. */
const writers: readonly [string, (stdout: Writable) => Promise<unknown>][] = [
  ["a pipeline from a generator", (stdout) => pipeline(endless, stdout)],
  ["a pipeline from a stream", (stdout) => pipeline(Readable.from(endless()), stdout)],
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

/** When the client goes, as the handler sees it: before it writes, while a write waits, between two of them, … */
const orders: readonly [string, (channel: FakeChannel, write: () => Promise<unknown>) => Promise<unknown>][] = [
  [
    "before the first write, in the same turn",
    (channel, write) => {
      channel.finish(undefined, UNTOLD);
      return write();
    },
  ],
  [
    "before the first write, and the streams are closed already",
    async (channel, write) => {
      channel.finish(undefined, UNTOLD);
      await turn();
      return write();
    },
  ],
  [
    "while a write waits for room",
    async (channel, write) => {
      channel.room = 15_000;
      const writing = failure(write());
      await turn();
      channel.finish(undefined, UNTOLD);
      return writing;
    },
  ],
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((microtasks): (typeof orders)[number] => [
    `${microtasks} microtasks after there is room again`,
    async (channel, write) => {
      channel.room = 15_000;
      const writing = failure(write());
      await turn();
      channel.room = 25_000;
      channel.handler.writable();
      for (let i = 0; i < microtasks; i++) await Promise.resolve();
      channel.finish(undefined, UNTOLD);
      return writing;
    },
  ]),
  [
    "after a write was taken, before Node tells of it",
    async (channel, write) => {
      channel.room = 15_000;
      const writing = failure(write());
      await turn();
      channel.room = 25_000;
      channel.handler.writable();
      await tick();
      channel.finish(undefined, UNTOLD);
      return writing;
    },
  ],
  [
    "and a write finds that out before it is told",
    async (channel, write) => {
      channel.closed = true;
      const writing = failure(write());
      await turn();
      channel.finish(undefined, UNTOLD);
      return writing;
    },
  ],
  [
    "and a write finds that out and it is told in one turn",
    (channel, write) => {
      channel.closed = true;
      const writing = failure(write());
      channel.finish(undefined, UNTOLD);
      return writing;
    },
  ],
  [
    "although there was room the moment before",
    async (channel, write) => {
      channel.room = 15_000;
      const writing = failure(write());
      await turn();
      channel.closed = true;
      channel.handler.writable();
      channel.finish(undefined, UNTOLD);
      return writing;
    },
  ],
];

async function failure(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    return error;
  }
}

describe("when the client goes", () => {
  describe.each(orders)("%s,", (_, order) => {
    test.each(writers)("%s is told the reason", async (_name, write) => {
      const { channel, session } = start();
      const error = await failure(order(channel, () => write(session.stdout)));
      expect(error).toMatchObject({ name: "SshError", code: "channel-closed" });
      // What comes later is told the same.
      expect(await failure(writers[2]![1](session.stdout))).toBe(error);
      expect(await failure(new Promise((_done, failed) => session.stdout.end(failed)))).toBe(error);
      expect(await failure(pipeline(endless, session.stdout))).toBe(error);
    });
  });

  test.each([
    ["before it is read", 0],
    ["while it is read", 1],
  ])("the input fails with the reason, %s", async (_, turns) => {
    for (const [error, code] of [
      [undefined, "channel-closed"],
      [LOST, "connection-lost"],
    ] as const) {
      const { channel, session } = start();
      channel.handler.data("stdout", Buffer.from("half"));
      const reading = turns === 0 ? undefined : failure(text(session.stdin));
      await turn();
      channel.finish(error, UNTOLD);
      expect(await (reading ?? failure(text(session.stdin)))).toMatchObject({ name: "SshError", code });
      expect(await failure(text(session.stdin))).toMatchObject({ name: "SshError", code });
    }
  });

  test("input whose end had come is whole", async () => {
    const { channel, session } = start();
    channel.handler.data("stdout", Buffer.from("all"));
    channel.handler.eof();
    channel.finish(LOST, UNTOLD);
    expect(await text(session.stdin)).toBe("all");
  });

  test("its streams end no program", async () => {
    const { channel, session } = start();
    channel.finish(LOST, UNTOLD);
    await turn();
    expect([session.stdin.errored, session.stdout.errored, session.stderr.errored]).toEqual([LOST, LOST, LOST]);
  });
});
