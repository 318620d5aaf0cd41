import { describe, expect, it } from "vitest";
import { oneLine } from "../src/one-line.ts";

describe("a text on one line", () => {
  it("has single spaces where it had line ends and indents", () => {
    expect(oneLine("  cannot connect:\n\n  refused \n\t(ECONNREFUSED)\n")).toBe(
      "cannot connect: refused (ECONNREFUSED)",
    );
    expect(oneLine("a  b")).toBe("a  b");
  });

  it("of 250,000 blanks is made at once", () => {
    expect(oneLine(`a${" ".repeat(250_000)}b`)).toHaveLength(250_002);
    expect(oneLine(`a${"\n ".repeat(125_000)}b`)).toBe("a b");
  });
});
