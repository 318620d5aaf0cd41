import { type FakeChannel, UNTOLD } from "./fake-channel.ts";
import { failure } from "./outcomes.ts";

/** The client goes; comes to what `write`, which goes on until it fails, fails with. */
type Departure = (channel: FakeChannel, write: () => Promise<unknown>) => Promise<unknown>;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const tick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

const leave = (channel: FakeChannel): void => channel.finish(undefined, UNTOLD);

function giveRoom(channel: FakeChannel): void {
  channel.room = 25_000;
  channel.handler.writable();
}

/** This happens while a write waits for room. */
function whileFull(act: (channel: FakeChannel) => void | Promise<void>): Departure {
  return async (channel, write) => {
    channel.room = 15_000;
    const writing = failure(write());
    await turn();
    await act(channel);
    return writing;
  };
}

/** When the client goes, as a handler sees it that writes: before it does, while a write waits, between two of them, … */
export const departures: readonly (readonly [when: string, departure: Departure])[] = [
  [
    "before the first write, in the same turn",
    (channel, write) => {
      leave(channel);
      return write();
    },
  ],
  [
    "before the first write, and the streams are closed already",
    async (channel, write) => {
      leave(channel);
      await turn();
      return write();
    },
  ],
  ["while a write waits for room", whileFull(leave)],
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((microtasks): [string, Departure] => [
    `${microtasks} microtasks after there is room again`,
    whileFull(async (channel) => {
      giveRoom(channel);
      for (let i = 0; i < microtasks; i++) await Promise.resolve();
      leave(channel);
    }),
  ]),
  [
    "after a write was taken, before it is told of that",
    whileFull(async (channel) => {
      giveRoom(channel);
      await tick();
      leave(channel);
    }),
  ],
  [
    "and a write finds that out before it is told",
    async (channel, write) => {
      channel.closed = true;
      const writing = failure(write());
      await turn();
      leave(channel);
      return writing;
    },
  ],
  [
    "and a write finds that out and it is told in one turn",
    (channel, write) => {
      channel.closed = true;
      const writing = failure(write());
      leave(channel);
      return writing;
    },
  ],
  [
    "although there was room the moment before",
    whileFull((channel) => {
      channel.closed = true;
      channel.handler.writable();
      leave(channel);
    }),
  ],
];
