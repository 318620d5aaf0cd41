import { EventEmitter, once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { LocalBus } from "../src/bus.ts";
import { parseRequest, WebDoor } from "../src/web-door.ts";
import { TestPage, useChat } from "./doors.ts";
import { delivered, GatedBus, testRoom } from "./support.ts";

const ROOMY = { burst: 1e6, perSecond: 1e6 };

describe("the page", () => {
  const { chat } = lazily(useChat());

  test.each([
    ["/", "text/html; charset=utf-8"],
    ["/base.css", "text/css; charset=utf-8"],
    ["/chat.css", "text/css; charset=utf-8"],
    ["/chat.js", "text/javascript; charset=utf-8"],
  ])("serves %s under a strict policy", async (path, type) => {
    const response = await fetch(`http://127.0.0.1:${chat().webPort}${path}`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe(type);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    const policy = response.headers.get("content-security-policy")!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("require-trusted-types-for 'script'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(await response.text()).not.toMatch(/\son\w+=|style=|javascript:/);
  });

  test("names the port of the SSH server", async () => {
    const { webPort, sshPort } = chat();
    const text = await (await fetch(`http://127.0.0.1:${webPort}/`)).text();
    expect(text).toContain(`<meta name="ssh-port" content="${sshPort}" />`);
  });

  test.each(["/../package.json", "/chat.js/", "/src/main.ts", "/room", "/?x", "//", "/%2e%2e/package.json"])(
    "serves nothing at %s",
    async (path) => expect(await statusOf(chat().webPort, "GET", path)).toBe(404),
  );

  test("refuses other methods", async () => expect(await statusOf(chat().webPort, "POST", "/")).toBe(405));
});

describe("a WebSocket", () => {
  const { chat } = lazily(useChat());

  test.each(["localhost", "127.0.0.1", "[::1]"])("is accepted from the page at %s", async (name) => {
    const page = await TestPage.open(chat().webPort, `http://${name}:${chat().webPort}`);
    await page.close();
  });

  test.each<[string, (port: number) => string]>([
    ["another site", () => "http://example.org"],
    ["another port", (port) => `http://localhost:${port + 1}`],
    ["https", (port) => `https://localhost:${port}`],
    ["a name with the same beginning", (port) => `http://localhost:${port}.example.org`],
    ["a name with the same end", (port) => `http://evil-localhost:${port}`],
    ["a sandboxed page", () => "null"],
    ["no origin", () => ""],
  ])("is refused from %s", async (_, origin) => {
    await expect(TestPage.open(chat().webPort, origin(chat().webPort))).rejects.toThrow("403");
  });

  test("is refused without the header Origin", async () => {
    expect(await upgrade(chat().webPort, ["Host: localhost"])).toMatch(/^HTTP\/1\.1 403 /);
  });

  test("is refused for another host name that resolves to this machine", async () => {
    const host = `evil.example.org:${chat().webPort}`;
    expect(await upgrade(chat().webPort, [`Host: ${host}`, `Origin: http://${host}`])).toMatch(/^HTTP\/1\.1 403 /);
  });

  test("is refused on other paths", async () => {
    await expect(TestPage.open(chat().webPort, undefined, "/")).rejects.toThrow("404");
  });

  test.each<[string, string | Buffer]>([
    ["text that is not JSON", "hello"],
    ["JSON without a message", "[1]"],
    ["null", "null"],
    ["an unknown type", '{"type":"kick","name":"bob"}'],
    ["a name that is not a string", '{"type":"join","name":{"toString":1}}'],
    ["a message before joining", '{"type":"say","text":"hello"}'],
    ["binary data", Buffer.from('{"type":"join","name":"ann"}')],
  ])("is closed after %s", async (_, message) => {
    const page = await TestPage.open(chat().webPort);
    page.socket.send(message);
    expect(await page.closed).toBe(1008);
    expect(chat().room.size).toBe(0);
  });

  test("is closed when it joins twice, and leaves the room", async () => {
    const page = await TestPage.join(chat().webPort, "ann");
    page.send({ type: "join", name: "bob" });
    expect(await page.closed).toBe(1008);
    expect(chat().room.size).toBe(0);
  });

  test("is closed after a message that is too large", async () => {
    const page = await TestPage.join(chat().webPort, "ann");
    page.say("a".repeat(9000));
    expect(await page.closed).toBe(1009);
    await vi.waitFor(() => expect(chat().room.size).toBe(0), 10_000);
  });

  test("gives the reason if the room refuses the name", async () => {
    const page = await TestPage.open(chat().webPort);
    page.send({ type: "join", name: "<img src=x>" });
    expect(await page.until({ type: "ended" })).toHaveProperty("reason", expect.stringContaining("letters"));
    expect(await page.closed).toBe(1000);
  });

  test("gives the reason and the text if the room refuses a message", async () => {
    const page = await TestPage.join(chat().webPort, "ann");
    page.say("a".repeat(501));
    const refused = await page.until({ type: "refused" });
    expect(refused).toEqual({ type: "refused", reason: expect.stringContaining("too long"), text: "a".repeat(501) });
    await page.close();
  });

  test("gets the refusals in the order of its messages", async () => {
    const bus = new LocalBus();
    const cable = new EventEmitter();
    bus.said = async () => {
      await once(cable, "cut");
      throw new Error("the bus is gone");
    };
    const door = await WebDoor.open(testRoom({ burst: 1 }, bus).room, { host: "127.0.0.1", port: 0, sshPort: 2222 });
    const page = await TestPage.join(door.port, "ann");
    for (const text of ["on its way to the bus", "too fast"]) page.say(text);
    // Once the server answers the ping, it has read both messages.
    page.socket.ping();
    await once(page.socket, "pong");
    cable.emit("cut");
    await page.until({ type: "refused", text: "too fast" });
    const refused = page.messages.filter(({ type }) => type === "refused");
    expect(refused.map(({ text }) => text)).toEqual(["on its way to the bus", "too fast"]);
    await door.close();
  });

  test("leaves the room if the page disappears while it joins", async () => {
    const bus = new GatedBus();
    const { room } = testRoom({}, bus);
    const door = await WebDoor.open(room, { host: "127.0.0.1", port: 0, sshPort: 2222 });
    const page = await TestPage.open(door.port);
    page.send({ type: "join", name: "ann" });
    await bus.asked;
    page.socket.terminate();
    await page.closed;
    // `close` resolves only after the server has seen the end of the connection.
    await door.close();
    bus.open();
    await delivered();
    expect(room.size).toBe(0);
    expect(await bus.names()).toEqual([]);
  });
});

describe("the number of WebSockets", () => {
  const { chat } = lazily(useChat());

  test("is bounded", async () => {
    const pages = await Promise.all(Array.from({ length: 200 }, () => TestPage.open(chat().webPort)));
    await expect(TestPage.open(chat().webPort)).rejects.toThrow("503");
    await Promise.all(pages.map((page) => page.close()));
    const page = await TestPage.open(chat().webPort);
    await page.close();
  });
});

describe("two pages", () => {
  const { chat } = lazily(useChat());

  test("show each other's messages unchanged", async () => {
    const ann = await TestPage.join(chat().webPort, "Ann");
    const bob = await TestPage.join(chat().webPort, "bob");
    expect(bob.messages[0]).toEqual({ type: "welcome", name: "bob", names: ["ann", "bob"] });
    ann.say("<b>hello</b>");
    expect(await bob.until({ type: "said" })).toEqual({ type: "said", name: "ann", text: "<b>hello</b>" });
    expect(await ann.until({ type: "said" })).toEqual({ type: "said", name: "ann", text: "<b>hello</b>" });
    await ann.close();
    await bob.until({ type: "left", name: "ann" });
    await bob.close();
  });
});

describe("a page that", () => {
  const { chat } = lazily(useChat({ limits: ROOMY }));
  afterEach(() => vi.useRealTimers());

  test("does not join is disconnected", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const page = await TestPage.open(chat().webPort);
    vi.advanceTimersByTime(10_000);
    expect(await page.closed).toBe(1006);
  });

  test("does not read is disconnected, and delays no other guest", { timeout: 120_000 }, async () => {
    const slow = await TestPage.join(chat().webPort, "slow");
    const ann = await TestPage.join(chat().webPort, "ann");
    slow.socket.pause();
    let sent = 0;
    while (!ann.messages.some(({ type }) => type === "left")) {
      ann.say(`${sent++} `.padEnd(500, "x"));
      await ann.until({ type: "said", text: `${sent - 1} `.padEnd(500, "x") });
      if (sent > 50_000) throw new Error("the slow page is still in the room");
      ann.forget("said");
    }
    expect(ann.messages).toContainEqual({ type: "left", name: "slow" });
    slow.socket.resume();
    expect(await slow.closed).toBe(1006);
    await ann.close();
  });
});

describe("a page that vanishes", () => {
  beforeAll(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] }));
  afterAll(() => void vi.useRealTimers());
  const { chat } = lazily(useChat());

  test("is disconnected if it answers no ping, and others are not", async () => {
    const ann = await TestPage.join(chat().webPort, "ann");
    const gone = await TestPage.join(chat().webPort, "gone");
    gone.socket.pong = () => {};
    const pinged = [ann, gone].map(({ socket }) => new Promise((resolve) => socket.once("ping", resolve)));
    vi.advanceTimersByTime(30_000);
    await Promise.all(pinged);
    // Once the server answers a later message, it has also received the pong from `ann`.
    ann.say("here");
    await ann.until({ type: "said" });
    vi.advanceTimersByTime(30_000);
    expect(await gone.closed).toBe(1006);
    await ann.until({ type: "left", name: "gone" });
    await ann.close();
  });
});

test("parseRequest accepts only messages of the page", () => {
  expect(parseRequest(Buffer.from('{"type":"say","text":"a","more":1}'))).toEqual({ type: "say", text: "a" });
  expect(parseRequest(Buffer.from('{"type":"say","name":"a"}'))).toBeUndefined();
  expect(parseRequest(Buffer.from("[".repeat(8000)))).toBeUndefined();
});

/** Returns a getter for the chat, which is created only when a test runs. */
function lazily<T>(use: { readonly chat: T }): { readonly chat: () => T } {
  return { chat: () => use.chat };
}

function statusOf(port: number, method: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, method, path, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });
}

/** Sends a WebSocket upgrade request with these headers. Resolves with the response as text. */
function upgrade(port: number, headers: readonly string[]): Promise<string> {
  const key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
  const lines = ["GET /room HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", key];
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(`${[...lines, ...headers].join("\r\n")}\r\n\r\n`));
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes.toString();
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
}
