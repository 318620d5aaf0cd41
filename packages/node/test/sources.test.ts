import { describe, expect, test } from "vitest";
import { type SourceLimits, Sources } from "../src/listen/per-source.ts";

const LIMITS: SourceLimits = {
  maxUnauthenticated: 50,
  share: 5,
  penalties: { authFail: 5000, noAuth: 1000, graceExceeded: 10_000, min: 15_000, max: 600_000 },
  maxFailureDelay: 2000,
  maxSources: 4,
};

function table(limits: Partial<SourceLimits> = {}): Sources {
  return new Sources({ ...LIMITS, ...limits });
}

function open(sources: Sources, source: string | undefined, count: number): void {
  for (let i = 0; i < count; i++) sources.opened(source);
}

describe("connections without a login", () => {
  test("of one source are limited without affecting another source", () => {
    const sources = table();
    open(sources, "a", 49);
    expect(sources.refusal("a", 0)).toBeUndefined();
    open(sources, "a", 1);
    expect(sources.refusal("a", 0)).toBe("max-per-source");
    expect(sources.refusal("b", 0)).toBeUndefined();
    sources.settled("a");
    expect(sources.refusal("a", 0)).toBeUndefined();
  });

  test("all count against their own source, and a few against others", () => {
    const sources = table();
    open(sources, "a", 50);
    open(sources, "b", 3);
    expect(sources.pressure("a")).toBe(50 + 3);
    expect(sources.pressure("b")).toBe(5 + 3);
    expect(sources.pressure("c")).toBe(5 + 3);
    for (let i = 0; i < 47; i++) sources.settled("a");
    expect(sources.pressure("c")).toBe(3 + 3);
    for (let i = 0; i < 3; i++) sources.settled("a");
    for (let i = 0; i < 3; i++) sources.settled("b");
    expect(sources.pressure("c")).toBe(0);
  });

  test("without a source are never refused, and count against all sources", () => {
    const sources = table();
    open(sources, undefined, 60);
    expect(sources.refusal(undefined, 0)).toBeUndefined();
    expect(sources.pressure(undefined)).toBe(60);
    expect(sources.pressure("a")).toBe(60);
    sources.settled(undefined);
    expect(sources.pressure("a")).toBe(59);
  });
});

describe("penalties", () => {
  test("add up, are enforced from their minimum, and expire", () => {
    const sources = table();
    sources.penalise("a", "authFail", 0);
    sources.penalise("a", "authFail", 0);
    sources.penalise("a", "noAuth", 0);
    expect(sources.refusal("a", 0)).toBeUndefined();
    sources.penalise("a", "authFail", 0);
    expect(sources.refusal("a", 15_999)).toBe("penalty");
    expect(sources.refusal("b", 0)).toBeUndefined();
    expect(sources.refusal("a", 16_000)).toBeUndefined();
    // An expired penalty does not count again.
    sources.penalise("a", "graceExceeded", 16_000);
    expect(sources.refusal("a", 16_001)).toBeUndefined();
  });

  test("that expire faster than they are added are never enforced", () => {
    const sources = table();
    for (let time = 0; time < 1_000_000; time += 5000) {
      sources.penalise("a", "authFail", time);
      expect(sources.refusal("a", time)).toBeUndefined();
    }
  });

  test("have a maximum", () => {
    const sources = table();
    for (let i = 0; i < 1000; i++) sources.penalise("a", "graceExceeded", 0);
    expect(sources.refusal("a", 599_999)).toBe("penalty");
    expect(sources.refusal("a", 600_000)).toBeUndefined();
  });

  test("do not apply without a source or when disabled", () => {
    const sources = table({ penalties: undefined });
    for (let i = 0; i < 100; i++) {
      sources.penalise("a", "graceExceeded", 0);
      sources.penalise(undefined, "graceExceeded", 0);
    }
    expect(sources.refusal("a", 0)).toBeUndefined();
    expect(sources.size).toBe(0);
  });
});

describe("the delay after a failed login", () => {
  test("doubles with each failure of the source up to a maximum, and is reset after a minute", () => {
    const sources = table();
    const delays = Array.from({ length: 7 }, (_, i) => sources.failed("a", i));
    expect(delays).toEqual([100, 200, 400, 800, 1600, 2000, 2000]);
    expect(sources.failed("b", 7)).toBe(100);
    expect(sources.failed("a", 6 + 60_000)).toBe(2000);
    expect(sources.failed("a", 6 + 120_001)).toBe(100);
    for (let i = 0; i < 5000; i++) expect(sources.failed("a", 200_000)).toBeLessThanOrEqual(2000);
  });

  test("is 0 without a source or when disabled", () => {
    expect(table().failed(undefined, 0)).toBe(0);
    expect(table({ maxFailureDelay: 0 }).failed("a", 0)).toBe(0);
  });
});

describe("the memory of sources", () => {
  test("is bounded: expired records go first, then the least recently active source", () => {
    const sources = table();
    for (const source of ["a", "b", "c", "d"]) sources.penalise(source, "noAuth", 0);
    for (let i = 0; i < 2; i++) sources.penalise("a", "graceExceeded", 0);
    expect(sources.size).toBe(4);
    sources.penalise("e", "noAuth", 10_000);
    expect(sources.size).toBe(2);
    expect(sources.refusal("a", 10_000)).toBe("penalty");
    for (const source of ["f", "g"]) sources.penalise(source, "graceExceeded", 10_000);
    // All four penalties are active, so the oldest record goes: "a", until it offends again.
    sources.penalise("a", "noAuth", 10_000);
    sources.penalise("h", "noAuth", 10_000);
    expect(sources.size).toBe(4);
    expect(sources.refusal("a", 10_000)).toBe("penalty");
    sources.penalise("i", "noAuth", 10_000);
    sources.penalise("j", "noAuth", 10_000);
    sources.penalise("k", "noAuth", 10_000);
    expect(sources.size).toBe(4);
    expect(sources.refusal("a", 10_000)).toBeUndefined();
  });

  test("keeps nothing of closed connections, and no more than its maximum for a million offenders", () => {
    const sources = table({ maxSources: 1000 });
    for (let i = 0; i < 1_000_000; i++) {
      const source = `source ${i}`;
      sources.opened(source);
      sources.settled(source);
      sources.penalise(source, "graceExceeded", i);
    }
    expect(sources.size).toBe(1000);
    expect(sources.pressure("another")).toBe(0);
  });
});
