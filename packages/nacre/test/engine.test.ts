import type { ServerSessionEvent } from "@nacre/session";
import { SshError } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { type DrivenSession, Engine } from "../src/engine.ts";

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
    write(...pieces: readonly Uint8Array[]) {
      writes.push(pieces.flatMap((piece) => [...piece]));
      return true;
    },
    pause() {},
    resume() {},
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
