import { EventEmitter, once } from "node:events";
import type { Socket } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { type ConnectedTicketStore, connectTicketStore, redisTicketStore } from "../src/redis.ts";
import { tcpServer } from "./support.ts";

/** Stops the timers of the store until the end of the test. */
function stopTimers(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
}

/** A server that sends `greeting` for each command with which clients connect. `onTake` gets the socket of each GETDEL. */
async function valkey(
  onTake: (socket: Socket) => void,
  greeting = "+OK",
): Promise<{ url: string; sockets: Set<Socket> }> {
  const { port, sockets } = await tcpServer((socket) => {
    socket.on("end", () => socket.end());
    socket.on("data", (data: Buffer) => {
      // Each command begins with the number of its words.
      for (const command of data.toString().split(/^(?=\*)/m))
        if (command.includes("GETDEL")) onTake(socket);
        else socket.write(`${greeting}\r\n`);
    });
  });
  return { url: `redis://127.0.0.1:${port}`, sockets };
}

const sendValue = (socket: Socket): boolean => socket.write("$5\r\nvalue\r\n");

async function storeAt(url: string): Promise<ConnectedTicketStore> {
  const store = await connectTicketStore(url);
  onTestFinished(() => store.close());
  return store;
}

test("connectTicketStore rejects if the server does not answer within ten seconds, and closes the connection", async () => {
  stopTimers();
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

test("a command without a reply for five seconds closes the connection, and the next command connects again", async () => {
  stopTimers();
  const asked = new EventEmitter();
  const { url } = await valkey((socket) => asked.emit("take", socket));
  const store = await storeAt(url);
  const asking = once(asked, "take");
  const taken = ["a", "b"].map(async (key) => store.take(key));
  const rejected = [
    expect(taken[0]).rejects.toMatchObject({ code: "connect-timeout" }),
    expect(taken[1]).rejects.toThrow(),
  ];
  const [silent] = await asking;
  const closed = once(silent, "close");
  vi.advanceTimersByTime(5000);
  await Promise.all(rejected);
  await closed;
  asked.on("take", sendValue);
  expect(await store.take("c")).toBe("value");
});

test("the next command connects again after a loss of the connection", async () => {
  let isLost = true;
  const { url, sockets } = await valkey((socket) => (isLost ? socket.destroy() : sendValue(socket)));
  const store = await storeAt(url);
  for (let i = 0; i < 2; i++) await expect(store.take("a")).rejects.toThrow();
  isLost = false;
  expect(await Promise.all([store.take("b"), store.take("c")])).toEqual(["value", "value"]);
  expect(sockets.size).toBe(1);
  const closed = once([...sockets][0]!, "close");
  store.close();
  await expect(store.take("d")).rejects.toMatchObject({ code: "closed" });
  await closed;
});

test("connectTicketStore rejects with the code of an error reply, without its text", async () => {
  const { url } = await valkey(() => {}, "-WRONGPASS secret");
  await expect(connectTicketStore(url)).rejects.toMatchObject({
    code: "gateway-refused",
    message: "the ticket store answered WRONGPASS",
  });
});

test("a server that has become a replica is left, and other error replies keep the connection", async () => {
  const replies = ["-OOM command not allowed", "-READONLY You can't write against a read only replica.", "$5\r\nvalue"];
  const askedBy: Socket[] = [];
  const { url } = await valkey((socket) => {
    askedBy.push(socket);
    socket.write(`${replies.shift()}\r\n`);
  });
  const store = await storeAt(url);
  for (const answer of ["OOM", "READONLY"])
    await expect(store.take("a")).rejects.toMatchObject({ message: `the ticket store answered ${answer}` });
  expect(await store.take("a")).toBe("value");
  const [first, second, third] = askedBy;
  expect(second).toBe(first);
  expect(third).not.toBe(first);
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
