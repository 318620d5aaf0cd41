import { describe, expect, it } from "vitest";
import { boundedLookup, lookupNames } from "../src/lookup.ts";
import { codeOf } from "./support.ts";

describe("boundedLookup", () => {
  it("limits concurrent lookups and keeps their order, also after failures", async () => {
    const asked: string[] = [];
    const settle: (() => void)[] = [];
    const lookup = boundedLookup((host) => {
      asked.push(host);
      return new Promise((resolve, reject) => {
        settle.push(() => (host === "b" ? reject(new Error("no such name")) : resolve([host])));
      });
    }, 2);
    const found = ["a", "b", "c", "d"].map((host) => lookup(host).catch(() => "failed"));
    expect(asked).toEqual(["a", "b"]);
    settle[1]!();
    expect(await found[1]).toBe("failed");
    expect(asked).toEqual(["a", "b", "c"]);
    for (const index of [0, 2]) settle[index]!();
    await Promise.all([found[0], found[2]]);
    expect(asked).toEqual(["a", "b", "c", "d"]);
    settle[3]!();
    expect(await Promise.all(found)).toEqual([["a"], "failed", ["c"], ["d"]]);
    void lookup("e");
    expect(asked.at(-1)).toBe("e");
  });

  it("resolves an IP address to itself without waiting", async () => {
    const lookup = boundedLookup(() => new Promise(() => {}), 1);
    void lookup("slow.example.org");
    for (const address of ["192.0.2.1", "2001:db8::1", "fe80::1%eth0"])
      expect(await lookup(address)).toEqual([address]);
  });

  it("uses the system's resolver by default", async () => {
    expect(await lookupNames("localhost")).toContain("127.0.0.1");
    expect(await codeOf(lookupNames("nacre.invalid"))).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
  });
});
