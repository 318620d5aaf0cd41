import type { ServerProtocolEvent } from "@nacre/protocol";
import { macrotask } from "@nacre/testing/macrotask";
import { uncaught } from "@nacre/testing/nacre/outcomes";
import { SshError } from "@nacre/wire";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Duplex } from "../src/mux/duplex.ts";
import { type DrivenMachine, Engine } from "../src/mux/engine.ts";

type Machine = DrivenMachine<ServerProtocolEvent>;

/** Runs an engine with a protocol machine that outputs 1, asks once, and outputs the answer. Records the bytes of each write. */
function asked(question: () => number | Promise<number>): {
  writes: number[][];
  failures: unknown[];
  done: () => void;
} {
  const output = [1];
  const events: ServerProtocolEvent[] = [{ type: "debug", alwaysDisplay: false, message: "what is it?" }];
  const machine: Partial<Machine> = {
    wantsInput: true,
    start() {},
    nextEvent: () => events.shift(),
    takeOutput() {
      return output.splice(0).map((byte) => Uint8Array.of(byte));
    },
    deadline: () => undefined,
    tick() {},
    releaseBuffers() {},
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
  const engine: Engine<ServerProtocolEvent> = new Engine(duplex, machine as Machine, {
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

/** Waits for `count` rounds of the event loop. */
async function rounds(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await macrotask();
}

describe("an answer of the application", () => {
  it("given immediately leaves together with earlier output, in one write", async () => {
    const { writes, done } = asked(() => 2);
    expect(writes).toEqual([[1, 2]]);
    done();
  });

  it("given later leaves when it is given", async () => {
    const { writes, done } = asked(() => Promise.resolve(2));
    expect(writes).toEqual([[1]]);
    await settled();
    expect(writes).toEqual([[1], [2]]);
    done();
  });

  it.each<[string, () => number | Promise<number>]>([
    [
      "an exception",
      () => {
        throw new SshError("usage", "no");
      },
    ],
    ["a rejection", () => Promise.reject(new SshError("usage", "no"))],
    ["an answer that the machine rejects", () => -1],
    ["a later answer that the machine rejects", () => Promise.resolve(-1)],
  ])("is reported as failed once: %s", async (_, question) => {
    const { writes, failures, done } = asked(question);
    await settled();
    expect(failures).toEqual([expect.objectContaining({ code: "usage" })]);
    expect(writes).toEqual([[1]]);
    done();
  });

  it("given after the end is ignored", async () => {
    const { writes, failures, done } = asked(() => Promise.resolve(2));
    done();
    await settled();
    expect(writes.flat()).toEqual([1]);
    expect(failures).toEqual([]);
  });
});

/** Makes an engine with a partial protocol machine and byte connection. Records the errors it ends with. */
function driven(
  machine: Partial<Machine>,
  duplex: Partial<Duplex> = {},
): { engine: Engine<ServerProtocolEvent>; ends: SshError[] } {
  const ends: SshError[] = [];
  const engine = new Engine<ServerProtocolEvent>(
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
      takeOutput: () => [],
      deadline: () => undefined,
      tick() {},
      releaseBuffers() {},
      disconnect() {},
      ...machine,
    } as Machine,
    { event() {}, closed: (error) => void ends.push(error) },
  );
  return { engine, ends };
}

function start(engine: Engine<ServerProtocolEvent>): void {
  engine.start();
  engine.turn();
}

describe("input", () => {
  it("is paused while the machine wants none", () => {
    const asked: string[] = [];
    const machine = { wantsInput: false };
    const { engine } = driven(machine, {
      pause: () => void asked.push("pause"),
      resume: () => void asked.push("resume"),
    });
    start(engine);
    expect(asked).toEqual(["pause"]);
    engine.data(Uint8Array.of(1));
    expect(asked.at(-1)).toBe("pause");
    engine.fail(new SshError("closed", "the test is over"));
  });

  it("resumes as soon as the machine wants some again", () => {
    const asked: string[] = [];
    const { engine } = driven(
      { wantsInput: false },
      { pause: () => void asked.push("pause"), resume: () => void asked.push("resume") },
    );
    start(engine);
    Object.assign(engine.machine, { wantsInput: true });
    engine.turn();
    expect(asked).toEqual(["pause", "resume"]);
    engine.fail(new SshError("closed", "the test is over"));
  });
});

describe("an exception of the protocol machine", () => {
  const fault = new TypeError("no such thing");
  const broken = (): never => {
    throw fault;
  };
  it.each<[string, Partial<Machine>, (engine: Engine<ServerProtocolEvent>) => void]>([
    ["in start", { start: broken }, start],
    ["in nextEvent", { nextEvent: broken }, start],
    ["in nextEvent of a scheduled turn", { nextEvent: broken }, (engine) => engine.touch()],
    [
      "in nextEvent after a later answer",
      { nextEvent: broken },
      (engine) =>
        engine.ask(
          () => Promise.resolve(1),
          () => {},
          () => {},
        ),
    ],
    ["in takeOutput", { takeOutput: broken }, start],
    ["in tick", { tick: broken }, start],
    ["in deadline", { deadline: broken }, start],
    ["in receive", { receive: broken }, (engine) => engine.data(Uint8Array.of(1))],
    ["in end", { end: broken }, (engine) => engine.ended()],
    ["in broken", { broken }, (engine) => engine.failed(new Error("cable"))],
    ["in several methods", { nextEvent: broken, takeOutput: broken, disconnect: broken }, start],
  ])("%s ends the connection and is reported once as the reason", async (_, machine, act) => {
    const heard = uncaught();
    const { engine, ends } = driven(machine);
    act(engine);
    const error = await engine.closed;
    expect(error).toMatchObject({ name: "SshError", code: "internal", cause: fault });
    expect(error.message).toContain("no such thing");
    engine.turn();
    await settled();
    expect(ends).toEqual([error]);
    expect(heard).toEqual([]);
  });

  it("is sent as a disconnect message if possible", async () => {
    const disconnects: SshError[] = [];
    const { engine } = driven({ nextEvent: broken, disconnect: (error) => void disconnects.push(error) });
    engine.turn();
    expect(disconnects).toEqual([await engine.closed]);
  });

  it("in disconnect does not change the reason", async () => {
    const { engine } = driven({ disconnect: broken });
    const why = new SshError("closed", "enough");
    engine.fail(why);
    expect(await engine.closed).toBe(why);
  });
});

/** Makes an engine with a protocol machine that yields `yields` times. Each yield adds `name` to `order`; two end a turn. */
function worker(
  name: string,
  yields: number,
  order: string[],
  duplex: Partial<Duplex> = {},
): Engine<ServerProtocolEvent> {
  let yielded = 0;
  return driven(
    {
      nextEvent() {
        if (yielded === yields) return undefined;
        order.push(name);
        yielded++;
        return { type: "yield" };
      },
    },
    duplex,
  ).engine;
}

describe("a turn that has used up its share", () => {
  it("lets another connection run, then continues by itself", async () => {
    const order: string[] = [];
    const busy = worker("busy", 6, order);
    const other = worker("other", 1, order);
    busy.turn();
    void macrotask().then(() => other.turn());
    await rounds(10);
    expect(order).toEqual(["busy", "busy", "busy", "busy", "other", "busy", "busy"]);
  });

  it("starts no other turn for input, answers or commands", async () => {
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

  it("pauses reading until it continues", async () => {
    const calls: string[] = [];
    const busy = worker("busy", 4, [], {
      pause: () => void calls.push("pause"),
      resume: () => void calls.push("resume"),
    });
    busy.turn();
    await rounds(10);
    expect(calls).toEqual(["pause", "resume"]);
  });

  it("keeps reading if the machine yields once per round of the event loop", async () => {
    const calls: string[] = [];
    const events: ServerProtocolEvent[] = [];
    const { engine } = driven(
      { nextEvent: () => events.shift() },
      { pause: () => void calls.push("pause"), resume: () => void calls.push("resume") },
    );
    for (let i = 0; i < 3; i++) {
      events.push({ type: "yield" });
      engine.data(Uint8Array.of(1));
      await rounds(1);
    }
    expect(calls).toEqual([]);
  });

  it("writes its output before other connections run", () => {
    const output = [1];
    const writes: number[][] = [];
    const events: ServerProtocolEvent[] = [{ type: "yield" }, { type: "yield" }];
    const { engine } = driven(
      {
        nextEvent: () => events.shift(),
        takeOutput() {
          return output.splice(0).map((byte) => Uint8Array.of(byte));
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
  it("is written once per round of the event loop, even if the socket drains immediately", async () => {
    let written = 0;
    const { engine } = driven(
      {
        takeOutput: () => [Uint8Array.of(1)],
      },
      {
        write() {
          if (++written < 10) queueMicrotask(() => engine.drained());
          return false;
        },
      },
    );
    engine.turn();
    await Promise.resolve();
    expect(written).toBe(1);
    // Later turns of the round leave their output to the next round.
    engine.data(Uint8Array.of(1));
    engine.turn();
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

  it("stops the machine's clock, and no timer runs", () => {
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
