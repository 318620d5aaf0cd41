import { notIntegers } from "@nacre/testing/limits";
import { checkLimit, completeLimits, limitTable, MAX_UINT32 } from "@nacre/wire";
import { describe, expect, it } from "vitest";

const table = limitTable<{ one: number; two: number }>({
  one: { default: 1, least: 0, most: 9, unit: "things" },
  two: { default: 2, least: 1, most: MAX_UINT32, unit: "bytes" },
});

/** Returns the error message for `value` as the limit "two". */
function message(value: unknown): string {
  try {
    completeLimits(table, { two: value as number });
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

describe("completeLimits", () => {
  it("replaces the given limits", () => {
    expect(completeLimits(table, { two: 3 })).toEqual({ one: 1, two: 3 });
    expect(table.defaults).toEqual({ one: 1, two: 2 });
  });

  it("uses the default for an undefined limit, so that it stays bounded", () => {
    expect(completeLimits(table, { one: undefined, two: 3 })).toEqual({ one: 1, two: 3 });
  });

  it("returns the given object if no limit is missing", () => {
    const whole = { one: 0, two: 1, three: 0 };
    expect(completeLimits(table, undefined)).toBe(table.defaults);
    expect(completeLimits(table, whole)).toBe(whole);
  });

  it("keeps the limits of other tables unchecked", () => {
    expect(completeLimits(table, { two: 3, three: -1 } as object)).toEqual({ one: 1, two: 3, three: -1 });
  });

  it("reports an invalid limit with its name, range and value", () => {
    expect(message(0)).toBe("`two` must be an integer from 1 to 4294967295 bytes, got 0");
    expect(message("1G")).toBe('`two` must be an integer from 1 to 4294967295 bytes, got "1G"');
    expect(message("\x1b[2J")).toMatch(/got "\\x1b\[2J"$/i);
    expect(message("9".repeat(1000)).length).toBeLessThan(150);
    expect(message(null)).toMatch(/got null$/);
    expect(message([1])).toMatch(/got object$/);
  });
});

describe("checkLimit", () => {
  const range = { least: 1, most: 9, unit: "things" };

  it.each(notIntegers(range))("rejects %s", (_, value) => {
    expect(() => checkLimit("it", value, range)).toThrow(expect.objectContaining({ code: "usage" }));
  });

  it.each([1, 5, 9])("accepts %i", (value) => {
    expect(() => checkLimit("it", value, range)).not.toThrow();
  });
});
