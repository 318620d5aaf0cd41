import type { Role } from "@nacre/negotiation";
import { toyCipher, toyKex, toySignature } from "@nacre/testing/toys";
import type { NegotiatedAlgorithms, TransportLimits } from "@nacre/transport";
import type { Phase } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { TRANSPORT_LIMITS } from "../src/limits.ts";
import { Schedule } from "../src/schedule.ts";

/** What an upload and a download are each ciphered with: the first may carry ten times as much. */
const negotiated: NegotiatedAlgorithms = {
  kex: toyKex(),
  hostKey: toySignature(),
  clientToServer: { cipher: toyCipher("up", { maxBytes: 10_000 }), mac: undefined, compression: "none" },
  serverToClient: { cipher: toyCipher("down", { maxBytes: 1000 }), mac: undefined, compression: "none" },
};

/** A schedule after login, with what it goes by in the hands of the test. */
class Fixture {
  readonly gate = { phase: "connection" as Phase };
  readonly exchange = { idle: true, asking: false, negotiated };
  readonly outgoing = { bytesSinceKeys: 0, packetsSinceKeys: 0 };
  readonly reader = { bytesSinceKeys: 0, packetsSinceKeys: 0 };
  readonly schedule: Schedule;

  constructor({ role = "client", ...limits }: Partial<TransportLimits> & { readonly role?: Role } = {}) {
    const { gate, outgoing, reader } = this;
    this.schedule = new Schedule(
      {
        options: { role },
        limits: { ...TRANSPORT_LIMITS.defaults, ...limits },
        gate,
        outgoing: { keyUse: outgoing },
        reader: { keyUse: reader },
      },
      this.exchange,
    );
  }

  /** At this time the exchange comes to this. */
  step(now: number, state: "going on" | "asking" | "idle"): this {
    this.schedule.now = now;
    this.exchange.idle = state === "idle";
    this.exchange.asking = state === "asking";
    this.schedule.follow();
    return this;
  }

  /** What is said at this time. */
  at(now: number): Pick<Schedule, "overdue" | "keysTooOld" | "deadline"> {
    this.schedule.now = now;
    const { overdue, keysTooOld, deadline } = this.schedule;
    return { overdue, keysTooOld, deadline };
  }
}

describe("a key exchange is overdue", () => {
  test("when its time is over, however many steps it has made", () => {
    const fixture = new Fixture({ kexTimeout: 500 }).step(1000, "going on").step(1400, "going on");
    expect(fixture.at(1499)).toMatchObject({ overdue: false, deadline: 1500 });
    expect(fixture.at(1500)).toMatchObject({ overdue: true, deadline: 1500 });
  });

  test("without the time that the application takes", () => {
    const fixture = new Fixture({ kexTimeout: 500 }).step(1000, "going on").step(1400, "asking");
    expect(fixture.at(9000)).toEqual({ overdue: false, keysTooOld: false, deadline: undefined });
    fixture.step(9000, "going on");
    expect(fixture.at(9099)).toMatchObject({ overdue: false, deadline: 9100 });
    expect(fixture.at(9100)).toMatchObject({ overdue: true });
  });

  test("after all of its time again, when it is the next one", () => {
    const fixture = new Fixture({ kexTimeout: 500 }).step(1000, "going on").step(1400, "idle");
    expect(fixture.at(1500)).toMatchObject({ overdue: false });
    fixture.step(2000, "going on");
    expect(fixture.at(2499)).toMatchObject({ overdue: false, deadline: 2500 });
  });
});

describe("new keys are due", () => {
  test("when those in use are too old", () => {
    const fixture = new Fixture({ rekeyInterval: 1000 }).step(50, "idle");
    expect(fixture.at(1049)).toEqual({ overdue: false, keysTooOld: false, deadline: 1050 });
    expect(fixture.at(1050)).toEqual({ overdue: false, keysTooOld: true, deadline: 1050 });
  });

  test.each([
    ["client", 10_000, 1000],
    ["server", 1000, 10_000],
  ] as const)("on a %s after %i bytes sent or %i received, as the cipher of each direction says", (role, up, down) => {
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
    ["while an exchange goes on", "connection", false],
  ] as const)("but nothing comes of it %s", (_, phase, idle) => {
    const fixture = new Fixture({ rekeyInterval: 1000 }).step(0, "idle");
    fixture.outgoing.bytesSinceKeys = 2 ** 40;
    fixture.gate.phase = phase;
    fixture.exchange.idle = idle;
    expect(fixture.at(5000)).toEqual({ overdue: false, keysTooOld: false, deadline: undefined });
    expect(fixture.schedule.keysUsedUp).toBe(false);
    expect(fixture.schedule.mayRekey).toBe(false);
  });
});
