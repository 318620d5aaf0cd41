import { Resolver } from "node:dns/promises";
import { expect, test, vi } from "vitest";
import { canonicalHost } from "../../src/config/machine.ts";
import { SYSTEM_LOOKUPS } from "../../src/net/lookup.ts";

const ALIASES: Readonly<Record<string, string>> = {
  "db.example.org.": "db1.example.org",
  "db1.example.org": "rack.example.net.",
  loop: "loop",
};

test("follows the aliases of a name that resolves", async () => {
  vi.spyOn(SYSTEM_LOOKUPS, "lookup").mockImplementation(async (name) => {
    if (name === "unknown") throw new Error("ENOTFOUND");
    return ["192.0.2.1"];
  });
  vi.spyOn(Resolver.prototype, "resolveCname").mockImplementation(async (name) => {
    if (ALIASES[name] === undefined) throw new Error("ENODATA");
    return [ALIASES[name]];
  });
  expect(await canonicalHost("db.example.org.")).toBe("rack.example.net");
  expect(await canonicalHost("plain.example.org.")).toBe("plain.example.org");
  expect(await canonicalHost("loop")).toBe("loop");
  expect(await canonicalHost("unknown")).toBeUndefined();
  vi.restoreAllMocks();
});
