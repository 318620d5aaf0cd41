import type { TransportLimits, TransportOptions } from "@nacre/transport";
import type { Phase } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { TRANSPORT_LIMITS } from "../src/limits.ts";
import { Schedule } from "../src/schedule.ts";

/** A schedule after login. The test sets the state that the schedule reads. */
class Fixture {
  readonly gate = { phase: "connection" as Phase };
  readonly exchange = { idle: true, asking: false };
  readonly schedule: Schedule;

  constructor({ connecting, ...limits }: Partial<TransportLimits> & Pick<TransportOptions, "connecting"> = {}) {
    const { gate, exchange } = this;
    const context = { options: { connecting }, limits: { ...TRANSPORT_LIMITS.defaults, ...limits }, gate };
    this.schedule = new Schedule(context, exchange);
  }

  /** Sets the time and the state of the key exchange, and updates the schedule. */
  step(now: number, state: "going on" | "asking" | "idle"): this {
    this.schedule.now = now;
    this.exchange.idle = state === "idle";
    this.exchange.asking = state === "asking";
    this.schedule.follow();
    return this;
  }

  /** Sets the time and returns the verdicts of the schedule. */
  at(now: number): Pick<Schedule, "overdue" | "keysTooOld" | "deadline"> {
    this.schedule.now = now;
    const { overdue, keysTooOld, deadline } = this.schedule;
    return { overdue, keysTooOld, deadline };
  }
}

describe("overdue", () => {
  test("is true after `kexTimeout`, even if the exchange made progress", () => {
    const fixture = new Fixture({ kexTimeout: 500 }).step(1000, "going on").step(1400, "going on");
    expect(fixture.at(1499)).toMatchObject({ overdue: false, deadline: 1500 });
    expect(fixture.at(1500)).toMatchObject({ overdue: true, deadline: 1500 });
  });

  test("does not count the time while an ask is open", () => {
    const fixture = new Fixture({ kexTimeout: 500 }).step(1000, "going on").step(1400, "asking");
    expect(fixture.at(9000)).toEqual({ overdue: false, keysTooOld: false, deadline: undefined });
    fixture.step(9000, "going on");
    expect(fixture.at(9099)).toMatchObject({ overdue: false, deadline: 9100 });
    expect(fixture.at(9100)).toMatchObject({ overdue: true });
  });

  test("gives the next exchange the full time again", () => {
    const fixture = new Fixture({ kexTimeout: 500 }).step(1000, "going on").step(1400, "idle");
    expect(fixture.at(1500)).toMatchObject({ overdue: false });
    fixture.step(2000, "going on");
    expect(fixture.at(2499)).toMatchObject({ overdue: false, deadline: 2500 });
  });
});

describe("the time for connecting", () => {
  test("bounds the first exchange, and not the ones after it", () => {
    const connecting = { timeout: 800, elapsed: 500 };
    const fixture = new Fixture({ kexTimeout: 500, connecting }).step(1000, "going on");
    expect(fixture.at(1300)).toMatchObject({ overdue: true, deadline: 1300 });
    fixture.step(1300, "idle").step(2000, "going on");
    expect(fixture.at(2499)).toMatchObject({ overdue: false, deadline: 2500 });
  });

  test("does not count while an ask is open", () => {
    const connecting = { timeout: 300, elapsed: 0 };
    const fixture = new Fixture({ connecting }).step(1000, "going on").step(1200, "asking").step(9000, "going on");
    expect(fixture.at(9099)).toMatchObject({ overdue: false, deadline: 9100 });
  });

  test("does not extend `kexTimeout`", () => {
    const connecting = { timeout: 9000, elapsed: 0 };
    const fixture = new Fixture({ kexTimeout: 500, connecting }).step(1000, "going on");
    expect(fixture.at(1500)).toMatchObject({ overdue: true });
  });

  test("is over at once if it passed before the start", () => {
    const fixture = new Fixture({ connecting: { timeout: 300, elapsed: 400 } }).step(1000, "going on");
    expect(fixture.at(1000)).toMatchObject({ overdue: true });
  });
});

describe("a rekey is due", () => {
  test("after `rekeyInterval`", () => {
    const fixture = new Fixture({ rekeyInterval: 1000 }).step(0, "going on").step(50, "idle");
    expect(fixture.at(1049)).toEqual({ overdue: false, keysTooOld: false, deadline: 1050 });
    expect(fixture.at(1050)).toEqual({ overdue: false, keysTooOld: true, deadline: 1050 });
  });

  test("only after login", () => {
    const fixture = new Fixture({ rekeyInterval: 1000 });
    fixture.gate.phase = "auth";
    expect(fixture.step(0, "going on").step(50, "idle").schedule.deadline).toBeUndefined();
    fixture.gate.phase = "connection";
    expect(fixture.step(200, "idle").at(1050)).toEqual({ overdue: false, keysTooOld: true, deadline: 1050 });
  });

  test.each([
    ["before login", "auth", true],
    ["during a key exchange", "connection", false],
  ] as const)("but does not begin %s", (_, phase, idle) => {
    const fixture = new Fixture({ rekeyInterval: 1000, kexTimeout: 9000 }).step(0, "going on").step(0, "idle");
    fixture.gate.phase = phase;
    fixture.step(10, idle ? "idle" : "going on");
    expect(fixture.at(5000)).toEqual({ overdue: false, keysTooOld: false, deadline: idle ? undefined : 9010 });
    expect(fixture.schedule.mayRekey).toBe(false);
  });
});
