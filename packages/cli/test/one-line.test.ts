import { describe, expect, it } from "vitest";
import { oneLine } from "../src/one-line.ts";

describe("oneLine", () => {
  it("replaces line ends and indents by single spaces", () => {
    expect(oneLine("  cannot connect:\n\n  refused \n\t(ECONNREFUSED)\n")).toBe(
      "cannot connect: refused (ECONNREFUSED)",
    );
    expect(oneLine("a  b")).toBe("a  b");
  });

  it("handles 250,000 spaces quickly", () => {
    expect(oneLine(`a${" ".repeat(250_000)}b`)).toHaveLength(250_002);
    expect(oneLine(`a${"\n ".repeat(125_000)}b`)).toBe("a b");
  });
});
