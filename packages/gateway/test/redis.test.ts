import { once } from "node:events";
import type { Socket } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { connectTicketStore, redisTicketStore } from "../src/redis.ts";
import { tcpServer } from "./support.ts";

test("connectTicketStore rejects if the server does not answer within ten seconds, and closes the connection", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  let asked!: (socket: Socket) => void;
  const asking = new Promise<Socket>((resolve) => {
    asked = resolve;
  });
  const { port } = await tcpServer((socket) => void socket.once("data", () => asked(socket)));
  const connecting = connectTicketStore(`redis://127.0.0.1:${port}`);
  const rejected = expect(connecting).rejects.toMatchObject({ code: "connect-timeout" });
  const ended = once(await asking, "end");
  vi.advanceTimersByTime(10_000);
  await rejected;
  await ended;
});

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
