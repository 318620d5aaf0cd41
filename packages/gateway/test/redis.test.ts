import { expect, test } from "vitest";
import { redisTicketStore } from "../src/redis.ts";

test("a ticket store over Redis takes with GETDEL, keeps milliseconds, and prefixes its keys", async () => {
  const commands: unknown[] = [];
  const values = new Map<string, string>();
  const store = redisTicketStore({
    async set(key, value, options) {
      commands.push(["SET", key, options]);
      values.set(key, value);
    },
    async getDel(key) {
      commands.push(["GETDEL", key]);
      const value = values.get(key) ?? null;
      values.delete(key);
      return value;
    },
    async del(key) {
      commands.push(["DEL", key]);
    },
  });
  await store.put("k", "v", 30_000);
  expect(await store.take("k")).toBe("v");
  expect(await store.take("k")).toBeUndefined();
  await store.delete("k");
  expect(commands).toEqual([
    ["SET", "nacre:ticket:k", { PX: 30_000 }],
    ["GETDEL", "nacre:ticket:k"],
    ["GETDEL", "nacre:ticket:k"],
    ["DEL", "nacre:ticket:k"],
  ]);
});
