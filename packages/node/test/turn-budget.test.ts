import { setImmediate } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { TurnBudget } from "../src/disk/turn-budget.ts";

/** Time that the budget sees, in milliseconds. */
let now = 0;
vi.spyOn(performance, "now").mockImplementation(() => now);

/** Returns a budget, and functions that make a call of some milliseconds. Each returns whether the call was made. */
function budget(): {
  readonly turn: TurnBudget;
  readonly call: (duration: number) => boolean;
  readonly callInTurn: (duration: number) => Promise<boolean>;
} {
  const turn = new TurnBudget();
  const call = (duration: number): boolean =>
    turn.attempt(() => {
      now += duration;
      return true;
    }) === true;
  return {
    turn,
    call,
    async callInTurn(duration) {
      await setImmediate();
      return call(duration);
    },
  };
}

/** Call of 4 ms that fails. */
function failing(): never {
  now += 4;
  throw new Error("no such file");
}

describe("TurnBudget", () => {
  it("makes calls of 4 ms in one turn, and again in the next", async () => {
    const { call, callInTurn } = budget();
    expect([1.5, 1.5, 1.5, 0].map(call)).toEqual([true, true, true, false]);
    expect(await callInTurn(1)).toBe(true);
  });

  it("counts the time of a call that throws", () => {
    const { turn, call } = budget();
    expect(() => turn.attempt(failing)).toThrow("no such file");
    expect(call(0)).toBe(false);
  });

  it("pays a call of 14 ms back: 10 ms in the next three turns", async () => {
    const { turn, callInTurn } = budget();
    turn.count(() => {
      now += 14;
    });
    expect([await callInTurn(0), await callInTurn(0), await callInTurn(0)]).toEqual([false, false, true]);
  });

  it("makes calls again after one of 10 ms, as soon as it is paid back", async () => {
    const { callInTurn } = budget();
    expect(await callInTurn(10)).toBe(true);
    expect([await callInTurn(0), await callInTurn(0)]).toEqual([false, true]);
  });

  it("makes no calls for 20 times as long as a call took that was longer than 10 ms", async () => {
    const { callInTurn } = budget();
    expect(await callInTurn(11)).toBe(true);
    for (let turn = 0; turn < 3; turn++) await setImmediate();
    now += 219;
    expect(await callInTurn(0)).toBe(false);
    now += 1;
    expect(await callInTurn(0)).toBe(true);
  });

  it("makes the calls of `run` during the rest, which do not end it", async () => {
    const { turn, callInTurn } = budget();
    await callInTurn(11);
    await setImmediate();
    expect(await turn.run("alice", () => "attributes")).toBe("attributes");
    expect(await callInTurn(0)).toBe(false);
  });

  it("lets a call of `run` wait for the next turn once 4 ms have passed", async () => {
    const { turn } = budget();
    const made: number[] = [];
    const calls = [1, 2, 3].map((number) =>
      turn.run("alice", () => {
        made.push(number);
        now += 4;
      }),
    );
    expect(made).toEqual([1]);
    await setImmediate();
    expect(made).toEqual([1, 2]);
    await setImmediate();
    expect(made).toEqual([1, 2, 3]);
    await Promise.all(calls);
  });
});
