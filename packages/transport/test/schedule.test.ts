import { toyCipher, toyKex, toySignature } from "@nacre/testing/toys";
import type { NegotiatedAlgorithms, TransportLimits, TransportOptions } from "@nacre/transport";
import type { Phase } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { TRANSPORT_LIMITS } from "../src/limits.ts";
import { Schedule } from "../src/schedule.ts";

/** Negotiated ciphers: the one from client to server allows ten times as many bytes. */
const negotiated: NegotiatedAlgorithms = {
  kex: toyKex(),
  hostKey: toySignature(),
  clientToServer: { cipher: toyCipher("up", { maxBytes: 10_000 }), mac: undefined, compression: "none" },
  serverToClient: { cipher: toyCipher("down", { maxBytes: 1000 }), mac: undefined, compression: "none" },
};

/** A schedule after login. The test sets the state that the schedule reads. */
class Fixture {
  readonly gate = { phase: "connection" as Phase };
  readonly exchange = { idle: true, asking: false, negotiated };
  readonly outgoing = { bytesSinceKeys: 0, packetsSinceKeys: 0 };
  readonly reader = { bytesSinceKeys: 0, packetsSinceKeys: 0 };
  readonly schedule: Schedule;

  constructor({
    role = "client",
    connecting,
    ...limits
  }: Partial<TransportLimits> & Partial<Pick<TransportOptions, "role" | "connecting">> = {}) {
    const { gate, outgoing, reader } = this;
    this.schedule = new Schedule(
      {
        options: { role, connecting },
        limits: { ...TRANSPORT_LIMITS.defaults, ...limits },
        gate,
        outgoing: { keyUse: outgoing },
        reader: { keyUse: reader },
      },
      this.exchange,
    );
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
    const fixture = new Fixture({ rekeyInterval: 1000 }).step(50, "idle");
    expect(fixture.at(1049)).toEqual({ overdue: false, keysTooOld: false, deadline: 1050 });
    expect(fixture.at(1050)).toEqual({ overdue: false, keysTooOld: true, deadline: 1050 });
  });

  test.each([
    ["client", 10_000, 1000],
    ["server", 1000, 10_000],
  ] as const)("on a %s after %i bytes sent or %i received, the limits of the two ciphers", (role, up, down) => {
    for (const [use, most] of [
      ["outgoing", up],
      ["reader", down],
    ] as const) {
      const fixture = new Fixture({ role }).step(0, "idle");
      fixture[use].bytesSinceKeys = most - 1;
      expect(fixture.schedule.keysUsedUp).toBe(false);
      fixture[use].bytesSinceKeys = most;
      expect(fixture.schedule.keysUsedUp).toBe(true);
    }
  });

  test.each([
    ["before login", "auth", true],
    ["during a key exchange", "connection", false],
  ] as const)("but does not begin %s", (_, phase, idle) => {
    const fixture = new Fixture({ rekeyInterval: 1000 }).step(0, "idle");
    fixture.outgoing.bytesSinceKeys = 2 ** 40;
    fixture.gate.phase = phase;
    fixture.exchange.idle = idle;
    expect(fixture.at(5000)).toEqual({ overdue: false, keysTooOld: false, deadline: undefined });
    expect(fixture.schedule.keysUsedUp).toBe(false);
    expect(fixture.schedule.mayRekey).toBe(false);
  });
});
