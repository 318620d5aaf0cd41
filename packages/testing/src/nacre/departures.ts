import { macrotask } from "../macrotask.ts";
import { type FakeChannel, UNTOLD } from "./fake-channel.ts";
import { failure } from "./outcomes.ts";

/** Closes the channel at some moment. `write` writes until it fails; resolves with its error. */
type Departure = (channel: FakeChannel, write: () => Promise<unknown>) => Promise<unknown>;

const tick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

const leave = (channel: FakeChannel): void => channel.finish(undefined, UNTOLD);

function giveRoom(channel: FakeChannel): void {
  channel.room = 25_000;
  channel.handler.writable();
}

/** Returns a departure that runs `act` while a write waits for room. */
function whileFull(act: (channel: FakeChannel) => void | Promise<void>): Departure {
  return async (channel, write) => {
    channel.room = 15_000;
    const writing = failure(write());
    await macrotask();
    await act(channel);
    return writing;
  };
}

/** Moments at which the client can close a channel that a handler writes to. */
export const departures: readonly (readonly [when: string, departure: Departure])[] = [
  [
    "before the first write, in the same round of the event loop",
    (channel, write) => {
      leave(channel);
      return write();
    },
  ],
  [
    "before the first write, in an earlier round of the event loop",
    async (channel, write) => {
      leave(channel);
      await macrotask();
      return write();
    },
  ],
  ["while a write waits for room", whileFull(leave)],
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((microtasks): [string, Departure] => [
    `${microtasks} microtasks after room became available`,
    whileFull(async (channel) => {
      giveRoom(channel);
      for (let i = 0; i < microtasks; i++) await Promise.resolve();
      leave(channel);
    }),
  ]),
  [
    "after the channel accepted a write, before the write resolves",
    whileFull(async (channel) => {
      giveRoom(channel);
      await tick();
      leave(channel);
    }),
  ],
  [
    "a write fails one round of the event loop before the close event",
    async (channel, write) => {
      channel.closed = true;
      const writing = failure(write());
      await macrotask();
      leave(channel);
      return writing;
    },
  ],
  [
    "a write fails in the same round of the event loop as the close event",
    (channel, write) => {
      channel.closed = true;
      const writing = failure(write());
      leave(channel);
      return writing;
    },
  ],
  [
    "right after room became available",
    whileFull((channel) => {
      channel.closed = true;
      channel.handler.writable();
      leave(channel);
    }),
  ],
];
