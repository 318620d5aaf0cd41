import { describe, expect, it } from "vitest";
import { withDefaults } from "../src/index.ts";

describe("withDefaults", () => {
  const defaults = { one: 1, two: 2 };

  it("replaces what is given", () => {
    expect(withDefaults<{ one: number; two: number }>(defaults, { two: 3 })).toEqual({ one: 1, two: 3 });
    expect(defaults).toEqual({ one: 1, two: 2 });
  });

  it("takes what is undefined for not given: nothing is more than a bound that is not there", () => {
    const changes: Record<string, number | undefined> = { one: undefined, two: 3 };
    expect(withDefaults<Record<string, number | undefined>>(defaults, changes)).toEqual({ one: 1, two: 3 });
  });

  it("makes no object where nothing is missing", () => {
    const whole = { one: 0, two: 0, three: 0 };
    expect(withDefaults(defaults, undefined)).toBe(defaults);
    expect(withDefaults<{ one: number; two: number }>(defaults, whole)).toBe(whole);
  });
});
