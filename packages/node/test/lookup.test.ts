import { describe, expect, it } from "vitest";
import { LookupQueue, SYSTEM_LOOKUPS } from "../src/net/lookup.ts";
import { codeOf } from "./support.ts";

/** A queue over lookups that end when the test calls `answer`, and the names that were asked. */
function queueOf(most: number) {
  const asked: string[] = [];
  const answers = new Map<string, (addresses: readonly string[] | Error) => void>();
  const queue = new LookupQueue((host) => {
    asked.push(host);
    return new Promise((resolve, reject) => {
      answers.set(host, (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
    });
  }, most);
  const lookup = (host: string, users: readonly string[], signal?: AbortSignal): Promise<readonly string[]> =>
    queue.lookup(host, { users, signal });
  return { asked, lookup, answer: (host: string, value: readonly string[] | Error) => answers.get(host)!(value) };
}

describe("LookupQueue", () => {
  it("limits concurrent lookups, and starts the next one also after a failure", async () => {
    const { asked, lookup, answer } = queueOf(2);
    const a = lookup("a", ["alice"]);
    const b = lookup("b", ["bob"]).catch((error: Error) => error.message);
    const c = lookup("c", ["carol"]);
    expect(asked).toEqual(["a", "b"]);
    answer("b", new Error("no such name"));
    expect(await b).toBe("no such name");
    expect(asked).toEqual(["a", "b", "c"]);
    answer("a", ["192.0.2.1"]);
    answer("c", ["192.0.2.3"]);
    expect(await Promise.all([a, c])).toEqual([["192.0.2.1"], ["192.0.2.3"]]);
  });

  it("keeps one user's slow names from holding up another's", async () => {
    const { asked, lookup, answer } = queueOf(2);
    for (let i = 0; i < 100; i++) void lookup(`slow${i}.example`, ["mallory"]);
    expect(asked).toEqual(["slow0.example"]);
    const found = lookup("fast.example", ["alice"]);
    answer("fast.example", ["192.0.2.1"]);
    expect(await found).toEqual(["192.0.2.1"]);
  });

  it("drops the names of a caller that gave up", async () => {
    const { asked, lookup, answer } = queueOf(1);
    const over = new AbortController();
    const slow = Array.from({ length: 20 }, (_, i) => lookup(`slow${i}.example`, ["mallory"], over.signal));
    const reasons = Promise.all(slow.map((one) => one.catch((error: unknown) => error)));
    const fast = lookup("fast.example", ["mallory"]);
    const reason = new Error("timed out");
    over.abort(reason);
    expect(new Set(await reasons)).toEqual(new Set([reason]));
    // The running lookup keeps its slot.
    expect(asked).toEqual(["slow0.example"]);
    answer("slow0.example", []);
    await expect.poll(() => asked, { timeout: 10_000 }).toEqual(["slow0.example", "fast.example"]);
    answer("fast.example", ["192.0.2.1"]);
    expect(await fast).toEqual(["192.0.2.1"]);
    await expect(lookup("late.example", ["mallory"], over.signal)).rejects.toBe(reason);
    expect(asked).toHaveLength(2);
  });

  it("refuses a user's 257th waiting name", async () => {
    const { lookup } = queueOf(1);
    for (let i = 0; i < 257; i++) void lookup(`${i}.example`, ["mallory"]);
    expect(await codeOf(lookup("more.example", ["mallory"]))).toBe("forward-limit");
  });

  it("resolves an IP address to itself without waiting", async () => {
    const { lookup } = queueOf(1);
    void lookup("slow.example", ["alice"]);
    for (const address of ["192.0.2.1", "2001:db8::1", "fe80::1%eth0"])
      expect(await lookup(address, ["alice"])).toEqual([address]);
  });

  it("uses the system's resolver by default", async () => {
    expect(await SYSTEM_LOOKUPS.lookup("localhost", { users: [] })).toContain("127.0.0.1");
    expect(await codeOf(SYSTEM_LOOKUPS.lookup("nacre.invalid", { users: [] }))).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
  });
});
