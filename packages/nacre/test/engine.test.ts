import type { ServerSessionEvent } from "@nacre/session";
import { uncaught } from "@nacre/testing/nacre/outcomes";
import { SshError } from "@nacre/wire";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Duplex } from "../src/mux/duplex.ts";
import { type DrivenSession, Engine } from "../src/mux/engine.ts";

type Session = DrivenSession<ServerSessionEvent>;

/** A session that says 1, asks once, and says what it is answered; with the bytes of each write that the engine makes. */
function asked(question: () => number | Promise<number>): {
  writes: number[][];
  failures: unknown[];
  done: () => void;
} {
  const output = [1];
  const events: ServerSessionEvent[] = [{ type: "debug", alwaysDisplay: false, message: "what is it?" }];
  const session: Partial<Session> = {
    wantsInput: true,
    start() {},
    nextEvent: () => events.shift(),
    takeOutput() {
      const byte = output.shift();
      return byte === undefined ? undefined : Uint8Array.of(byte);
    },
    deadline: () => undefined,
    tick() {},
    rest() {},
    disconnect: (error) => void events.push({ type: "closed", error }),
  };
  const writes: number[][] = [];
  const duplex = {
    open() {},
    write(pieces: readonly Uint8Array[]) {
      writes.push(pieces.flatMap((piece) => [...piece]));
      return true;
    },
    pause() {},
    resume() {},
    end: async () => {},
    close: () => Promise.resolve(),
  };
  const failures: unknown[] = [];
  const engine: Engine<ServerSessionEvent> = new Engine(duplex, session as Session, {
    event: () => engine.ask(question, give, (cause) => failures.push(cause)),
    closed() {},
  });
  const give = (answer: number): void => {
    if (answer < 0) throw new SshError("usage", "no such answer");
    output.push(answer);
  };
  engine.start();
  engine.turn();
  return { writes, failures, done: () => engine.fail(new SshError("closed", "the test is over")) };
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** Lets the event loop go round. */
async function rounds(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe("an answer of the application", () => {
  it("that is there at once leaves with what came before it, in one write", async () => {
    const { writes, done } = asked(() => 2);
    expect(writes).toEqual([[1, 2]]);
    done();
  });

  it("that comes later leaves when it is there", async () => {
    const { writes, done } = asked(() => Promise.resolve(2));
    expect(writes).toEqual([[1]]);
    await settled();
    expect(writes).toEqual([[1], [2]]);
    done();
  });

  it.each<[string, () => number | Promise<number>]>([
    [
      "thrown",
      () => {
        throw new SshError("usage", "no");
      },
    ],
    ["rejected", () => Promise.reject(new SshError("usage", "no"))],
    ["one that the session does not take", () => -1],
    ["one that it does not take later", () => Promise.resolve(-1)],
  ])("%s is told, once", async (_, question) => {
    const { writes, failures, done } = asked(question);
    await settled();
    expect(failures).toEqual([expect.objectContaining({ code: "usage" })]);
    expect(writes).toEqual([[1]]);
    done();
  });

  it("that comes after the end is forgotten", async () => {
    const { writes, failures, done } = asked(() => Promise.resolve(2));
    done();
    await settled();
    expect(writes.flat()).toEqual([1]);
    expect(failures).toEqual([]);
  });
});

/** An engine with a session and a byte connection that do only what is given here, and a record of its events. */
function driven(
  session: Partial<Session>,
  duplex: Partial<Duplex> = {},
): { engine: Engine<ServerSessionEvent>; ends: SshError[] } {
  const ends: SshError[] = [];
  const engine = new Engine<ServerSessionEvent>(
    {
      open() {},
      write: () => true,
      pause() {},
      resume() {},
      end: async () => {},
      close: () => Promise.resolve(),
      ...duplex,
    },
    {
      wantsInput: true,
      start() {},
      receive() {},
      end() {},
      broken() {},
      nextEvent: () => undefined,
      takeOutput: () => undefined,
      deadline: () => undefined,
      tick() {},
      rest() {},
      disconnect() {},
      ...session,
    } as Session,
    { event() {}, closed: (error) => void ends.push(error) },
  );
  return { engine, ends };
}

function start(engine: Engine<ServerSessionEvent>): void {
  engine.start();
  engine.turn();
}

describe("input", () => {
  it("is stopped while the session wants none", () => {
    const asked: string[] = [];
    const session = { wantsInput: false };
    const { engine } = driven(session, {
      pause: () => void asked.push("pause"),
      resume: () => void asked.push("resume"),
    });
    start(engine);
    expect(asked).toEqual(["pause"]);
    engine.data(Uint8Array.of(1));
    expect(asked.at(-1)).toBe("pause");
    engine.fail(new SshError("closed", "the test is over"));
  });

  it("goes on as soon as the session wants some again", () => {
    const asked: string[] = [];
    const { engine } = driven(
      { wantsInput: false },
      { pause: () => void asked.push("pause"), resume: () => void asked.push("resume") },
    );
    start(engine);
    Object.assign(engine.session, { wantsInput: true });
    engine.turn();
    expect(asked).toEqual(["pause", "resume"]);
    engine.fail(new SshError("closed", "the test is over"));
  });
});

describe("a fault of the session", () => {
  const fault = new TypeError("no such thing");
  const broken = (): never => {
    throw fault;
  };
  it.each<[string, Partial<Session>, (engine: Engine<ServerSessionEvent>) => void]>([
    ["at its start", { start: broken }, start],
    ["in an event", { nextEvent: broken }, start],
    ["in an event of a turn that begins by itself", { nextEvent: broken }, (engine) => engine.touch()],
    [
      "in an event after an answer that came later",
      { nextEvent: broken },
      (engine) =>
        engine.ask(
          () => Promise.resolve(1),
          () => {},
          () => {},
        ),
    ],
    ["in output", { takeOutput: broken }, start],
    ["in keeping time", { tick: broken }, start],
    ["in saying when to go on", { deadline: broken }, start],
    ["in taking bytes", { receive: broken }, (engine) => engine.data(Uint8Array.of(1))],
    ["in taking the end of all bytes", { end: broken }, (engine) => engine.ended()],
    ["in taking a break", { broken }, (engine) => engine.failed(new Error("cable"))],
    ["in everything", { nextEvent: broken, takeOutput: broken, disconnect: broken }, start],
  ])("%s ends the connection, and is told as the reason, once", async (_, session, act) => {
    const heard = uncaught();
    const { engine, ends } = driven(session);
    act(engine);
    const error = await engine.closed;
    expect(error).toMatchObject({ name: "SshError", code: "internal", cause: fault });
    expect(error.message).toContain("no such thing");
    engine.turn();
    await settled();
    expect(ends).toEqual([error]);
    expect(heard).toEqual([]);
  });

  it("is said goodbye about, where that can be", async () => {
    const goodbyes: SshError[] = [];
    const { engine } = driven({ nextEvent: broken, disconnect: (error) => void goodbyes.push(error) });
    engine.turn();
    expect(goodbyes).toEqual([await engine.closed]);
  });

  it("in saying goodbye changes nothing about why", async () => {
    const { engine } = driven({ disconnect: broken });
    const why = new SshError("closed", "enough");
    engine.fail(why);
    expect(await engine.closed).toBe(why);
  });
});

/** An engine whose session yields `yields` times; each adds `name` to `order`. Two end a turn. */
function worker(
  name: string,
  yields: number,
  order: string[],
  duplex: Partial<Duplex> = {},
): Engine<ServerSessionEvent> {
  let told = 0;
  return driven(
    {
      nextEvent() {
        if (told === yields) return undefined;
        order.push(name);
        told++;
        return { type: "yield" };
      },
    },
    duplex,
  ).engine;
}

describe("a turn that has done its work", () => {
  it("lets another connection have its turn, and goes on by itself", async () => {
    const order: string[] = [];
    const busy = worker("busy", 6, order);
    const other = worker("other", 1, order);
    busy.turn();
    setImmediate(() => other.turn());
    await rounds(10);
    expect(order).toEqual(["busy", "busy", "busy", "busy", "other", "busy", "busy"]);
  });

  it("begins no other for input, answers or requests of the application", async () => {
    const order: string[] = [];
    const busy = worker("busy", 6, order);
    busy.turn();
    busy.touch();
    busy.data(Uint8Array.of(1));
    busy.drained();
    busy.ask(
      () => Promise.resolve(1),
      () => {},
      () => {},
    );
    await Promise.resolve().then(() => Promise.resolve());
    expect(order).toEqual(["busy", "busy"]);
    await settled();
  });

  it("stops reading until it goes on", async () => {
    const calls: string[] = [];
    const busy = worker("busy", 4, [], {
      pause: () => void calls.push("pause"),
      resume: () => void calls.push("resume"),
    });
    busy.turn();
    await rounds(10);
    expect(calls).toEqual(["pause", "pause", "resume"]);
  });

  it("goes on reading when the session yields once in each round of the event loop", async () => {
    const calls: string[] = [];
    const events: ServerSessionEvent[] = [];
    const { engine } = driven(
      { nextEvent: () => events.shift() },
      { pause: () => void calls.push("pause"), resume: () => void calls.push("resume") },
    );
    for (let i = 0; i < 3; i++) {
      events.push({ type: "yield" });
      engine.data(Uint8Array.of(1));
      await rounds(1);
    }
    expect(calls).toEqual(["resume", "resume", "resume"]);
  });

  it("writes what it has to send before others have theirs", () => {
    const output = [1];
    const writes: number[][] = [];
    const events: ServerSessionEvent[] = [{ type: "yield" }, { type: "yield" }];
    const { engine } = driven(
      {
        nextEvent: () => events.shift(),
        takeOutput() {
          const byte = output.shift();
          return byte === undefined ? undefined : Uint8Array.of(byte);
        },
      },
      {
        write(pieces: readonly Uint8Array[]) {
          writes.push(pieces.flatMap((piece) => [...piece]));
          return true;
        },
      },
    );
    engine.turn();
    expect(writes).toEqual([[1]]);
  });
});

describe("output", () => {
  it("is written once in each round of the event loop, though the socket has room again at once", async () => {
    let written = 0;
    let isTaken = true;
    const { engine } = driven(
      {
        takeOutput() {
          isTaken = !isTaken;
          return isTaken ? undefined : Uint8Array.of(1);
        },
      },
      {
        write() {
          if (++written < 10) process.nextTick(() => engine.drained());
          return false;
        },
      },
    );
    engine.turn();
    await new Promise<void>((resolve) => process.nextTick(resolve));
    expect(written).toBe(1);
    await rounds(20);
    expect(written).toBe(10);
    engine.fail(new SshError("closed", "the test is over"));
  });
});

/** An engine on fake time whose session has a deadline, and the times that the session received. */
function timed() {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const begin = performance.now();
  const times: number[] = [];
  const state = { deadline: begin + 60_000 };
  const { engine } = driven({
    deadline: () => state.deadline,
    tick: (now) => void times.push(now - begin),
    disconnect() {
      throw new Error("it ends at once");
    },
  });
  start(engine);
  return { engine, times, end: () => engine.fail(new SshError("closed", "the test is over")) };
}

describe("a suspended byte connection", () => {
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it("stops the session's clock, and no timer runs", () => {
    const { engine, times, end } = timed();
    vi.advanceTimersByTime(20_000);
    engine.suspended();
    vi.advanceTimersByTime(3_600_000);
    expect(vi.getTimerCount()).toBe(0);
    engine.turn();
    expect(times.at(-1)).toBe(20_000);
    end();
  });

  it("goes on counting where it stopped", () => {
    const { engine, times, end } = timed();
    vi.advanceTimersByTime(20_000);
    engine.suspended();
    engine.suspended();
    vi.advanceTimersByTime(3_600_000);
    engine.resumed();
    engine.resumed();
    expect(times.at(-1)).toBe(20_000);
    vi.advanceTimersByTime(39_999);
    expect(times.at(-1)).toBeLessThan(60_000);
    vi.advanceTimersByTime(1);
    expect(times.at(-1)).toBe(60_000);
    end();
  });

  it("can be given up", async () => {
    const { engine, end } = timed();
    engine.suspended();
    end();
    expect(await engine.closed).toMatchObject({ code: "closed" });
  });
});
