import { fromLatin1, latin1 } from "@nacre/testing/bytes";
import { macrotask } from "@nacre/testing/macrotask";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { utf8Encode } from "@nacre/wire";
import type { Duplex, DuplexHandler } from "nacre";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { type WebSocketDuplexOptions, webSocketDuplex } from "../src/index.ts";
import { FakeSocket } from "./support/fake-socket.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function dial(socket: FakeSocket, options: Partial<WebSocketDuplexOptions> = {}): Promise<Duplex> {
  return webSocketDuplex({ socket, host: "example.org", ...options });
}

/** Opens `duplex` with a handler that records its calls. */
function listen(duplex: Duplex): { readonly said: unknown[] } {
  const said: unknown[] = [];
  const handler: DuplexHandler = {
    data: (chunk) => said.push(latin1(chunk)),
    drained: () => said.push("drained"),
    ended: () => said.push("ended"),
    failed: (cause) => said.push(cause),
  };
  duplex.open(handler);
  return { said };
}

/** Returns an open connection in plain mode. */
async function opened(): Promise<{ socket: FakeSocket; duplex: Duplex; said: unknown[] }> {
  const socket = new FakeSocket();
  const dialling = dial(socket);
  socket.accept("binary");
  const duplex = await dialling;
  return { socket, duplex, ...listen(duplex) };
}

describe("opening a WebSocket", () => {
  it("offers binary first, so that websockify accepts, then nacre.v1", async () => {
    const made: [string, string[]][] = [];
    class Recorded extends FakeSocket {
      constructor(url: string, protocols: string[]) {
        super(url);
        made.push([url, protocols]);
        queueMicrotask(() => this.accept("binary"));
      }
    }
    const duplex = await webSocketDuplex({
      url: "wss://gateway.example/ssh",
      host: "example.org",
      WebSocket: Recorded,
    });
    expect(made).toEqual([["wss://gateway.example/ssh", ["binary", "nacre.v1"]]]);
    await duplex.close();
  });

  it("asks for array buffers", async () => {
    const { socket, duplex } = await opened();
    expect(socket.binaryType).toBe("arraybuffer");
    await duplex.close();
  });

  it("is plain if the server picks no subprotocol", async () => {
    const socket = new FakeSocket();
    const dialling = dial(socket);
    socket.accept("");
    const duplex = await dialling;
    const { said } = listen(duplex);
    duplex.write([utf8Encode("SSH-2.0-a")]);
    socket.say("SSH-2.0-b");
    await macrotask();
    expect(socket.sent).toEqual(["SSH-2.0-a"]);
    expect(said).toEqual(["SSH-2.0-b"]);
    await duplex.close();
  });

  it("accepts an open WebSocket, and loses none of its messages", async () => {
    const socket = new FakeSocket();
    socket.accept("binary");
    const dialling = dial(socket);
    socket.say("one");
    socket.say("two");
    const duplex = await dialling;
    await macrotask();
    const { said } = listen(duplex);
    expect(said).toEqual([]);
    await macrotask();
    expect(said).toEqual(["onetwo"]);
    await duplex.close();
  });

  it.each<[string, (socket: FakeSocket) => void, string, string]>([
    ["fails", (socket) => socket.fail(), "connection-failed", "gateway.example"],
    ["closes before it is open", (socket) => socket.shut(1000), "gateway-refused", "closed"],
    ["is refused by the gateway", (socket) => socket.shut(4403, "destination-refused"), "gateway-refused", "4403"],
    ["was closed before", (socket) => Object.assign(socket, { readyState: 3 }).shut(1006), "connection-failed", ""],
  ])("rejects if it %s", async (_, act, expected, words) => {
    const socket = new FakeSocket();
    const dialling = dial(socket);
    act(socket);
    const error = await failure(dialling);
    expect(error).toEqual(code(expected));
    expect(String(error)).toContain(words);
  });

  it("rejects after the connect timeout, and closes the WebSocket", async () => {
    const socket = new FakeSocket();
    const dialling = failure(dial(socket, { connectTimeout: 700 }));
    await vi.advanceTimersByTimeAsync(699);
    expect(socket.closes).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await dialling).toEqual(code("connect-timeout"));
    expect(socket.closes).toEqual([1000]);
  });

  it("rejects if the signal aborts, and opens nothing if it aborted before", async () => {
    const socket = new FakeSocket();
    const controller = new AbortController();
    const dialling = failure(dial(socket, { signal: controller.signal }));
    controller.abort(new DOMException("slow", "TimeoutError"));
    const aborted = await dialling;
    expect(aborted).toEqual(code("aborted"));
    expect((aborted as Error).message).toMatch(/^connecting to .* timed out$/);
    expect(socket.closes).toEqual([1000]);
    class Never extends FakeSocket {
      constructor() {
        super();
        throw new Error("it must not be made");
      }
    }
    const options = { url: "wss://gateway.example", host: "example.org", signal: controller.signal, WebSocket: Never };
    expect(await failure(webSocketDuplex(options))).toEqual(code("aborted"));
  });

  it("waits at most two seconds for a server that does not answer the close", async () => {
    const socket = new FakeSocket();
    socket.onClose = () => {};
    const controller = new AbortController();
    const dialling = failure(dial(socket, { signal: controller.signal }));
    socket.accept("nacre.v1");
    await macrotask();
    controller.abort();
    await vi.advanceTimersByTimeAsync(2000);
    expect(await dialling).toEqual(code("aborted"));
  });

  it("leaves the query and password of the URL out of errors", async () => {
    const socket = new FakeSocket("wss://me:secret@gateway.example/ssh?token=secret#secret");
    const dialling = dial(socket);
    socket.fail();
    const { message } = (await failure(dialling)) as Error;
    expect(message).toContain("wss://gateway.example/ssh:");
    expect(message).not.toContain("secret");
  });

  it("rejects with usage for a URL that the WebSocket class refuses", async () => {
    class Picky extends FakeSocket {
      constructor(url: string) {
        super(url);
        throw new DOMException("no such scheme", "SyntaxError");
      }
    }
    const options = { url: "gopher://gateway.example", host: "example.org", WebSocket: Picky };
    expect(await failure(webSocketDuplex(options))).toEqual(code("usage"));
  });

  it("rejects with not-supported-here on a platform without WebSocket", async () => {
    vi.stubGlobal("WebSocket", undefined);
    onTestFinished(() => void vi.unstubAllGlobals());
    const error = await failure(webSocketDuplex({ url: "wss://gateway.example", host: "example.org" }));
    expect(error).toEqual(code("not-supported-here"));
  });

  it.each<[string, object]>([
    ["without url and socket", { host: "example.org" }],
    ["with both url and socket", { url: "wss://gateway.example", socket: new FakeSocket(), host: "example.org" }],
    ["without host", { socket: new FakeSocket() }],
    ["with an invalid port", { socket: new FakeSocket(), host: "example.org", port: 0 }],
    ["with a ticket that is not a string", { socket: new FakeSocket(), host: "example.org", ticket: 1 }],
    ["with a ticket too long", { socket: new FakeSocket(), host: "example.org", ticket: "x".repeat(4096) }],
    ["with an unknown option", { socket: new FakeSocket(), host: "example.org", timeout: 1 }],
    ["with an invalid connect timeout", { socket: new FakeSocket(), host: "example.org", connectTimeout: 0 }],
    ["with an invalid silence timeout", { socket: new FakeSocket(), host: "example.org", silenceTimeout: -1 }],
    ["with an invalid socket", { socket: {}, host: "example.org" }],
    ["with an invalid signal", { socket: new FakeSocket(), host: "example.org", signal: {} }],
  ])("rejects options %s", async (_, options) => {
    expect(await failure(webSocketDuplex(options as WebSocketDuplexOptions))).toEqual(code("usage"));
  });

  it("rejects with usage without options", async () => {
    expect(await failure(webSocketDuplex(undefined as unknown as WebSocketDuplexOptions))).toEqual(code("usage"));
  });
});

describe("sending in plain mode", () => {
  it("joins small pieces into messages of at most 64 KiB, and cuts large ones", async () => {
    const { socket, duplex } = await opened();
    duplex.write([utf8Encode("ab"), utf8Encode(""), utf8Encode("cd")]);
    duplex.write([new Uint8Array(40_000), new Uint8Array(40_000), new Uint8Array(150_000)]);
    expect(socket.sent.map(({ length }) => length)).toEqual([4, 40_000, 40_000, 65_536, 65_536, 18_928]);
    expect(socket.sent[0]).toBe("abcd");
    await duplex.close();
  });

  it("stops the writer above the high-water mark, and polls only then", async () => {
    const { socket, duplex, said } = await opened();
    expect(duplex.write([utf8Encode("a")])).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
    socket.bufferedAmount = 1024 * 1024 + 1;
    expect(duplex.write([utf8Encode("b")])).toBe(false);
    expect(vi.getTimerCount()).toBe(1);
    socket.bufferedAmount = 256 * 1024 + 1;
    await vi.advanceTimersByTimeAsync(1000);
    expect(said).toEqual([]);
    expect(duplex.write([utf8Encode("c")])).toBe(false);
    socket.bufferedAmount = 256 * 1024;
    await vi.advanceTimersByTimeAsync(50);
    expect(said).toEqual(["drained"]);
    expect(vi.getTimerCount()).toBe(0);
    expect(duplex.write([utf8Encode("d")])).toBe(true);
    await duplex.close();
  });

  it("also resumes the writer when a message arrives, because timers of a hidden page are slow", async () => {
    const { socket, duplex, said } = await opened();
    socket.bufferedAmount = 2 ** 21;
    duplex.write([utf8Encode("a")]);
    socket.bufferedAmount = 0;
    socket.say("window");
    expect(said).toEqual(["drained", "window"]);
    await vi.advanceTimersByTimeAsync(50);
    expect(said).toHaveLength(2);
    await duplex.close();
  });

  it("resolves `end` after the WebSocket has sent everything", async () => {
    const { socket, duplex } = await opened();
    socket.bufferedAmount = 1;
    duplex.write([utf8Encode("a")]);
    let isEnded = false;
    const ending = duplex.end().then(() => void (isEnded = true));
    await vi.advanceTimersByTimeAsync(200);
    expect(isEnded).toBe(false);
    socket.bufferedAmount = 0;
    await vi.advanceTimersByTimeAsync(50);
    await ending;
    await duplex.close();
  });

  it("resolves `end` if the WebSocket breaks", async () => {
    const { socket, duplex } = await opened();
    socket.bufferedAmount = 1;
    const ending = duplex.end();
    socket.fail();
    await ending;
    await duplex.end();
  });
});

describe("receiving in plain mode", () => {
  it("waits while paused, and keeps the order", async () => {
    const { socket, duplex, said } = await opened();
    await macrotask();
    duplex.pause();
    for (const text of ["one ", "two ", "three "]) socket.say(text);
    expect(said).toEqual([]);
    duplex.resume();
    socket.say("four");
    expect(said.join("")).toBe("one two three four");
    await duplex.close();
  });

  it("stops between two messages when the handler pauses, and continues on `resume`", async () => {
    const { socket, duplex } = await opened();
    const said: string[] = [];
    duplex.open({
      data: (chunk) => {
        said.push(latin1(chunk));
        duplex.pause();
      },
      drained() {},
      ended: () => said.push("ended"),
      failed() {},
    });
    duplex.pause();
    const texts = Array.from({ length: 20 }, (_, i) => `${i}`.repeat(5000));
    for (const text of texts) socket.say(text);
    socket.shut(1000);
    for (let i = 0; i < texts.length; i++) {
      expect(said.length).toBe(i);
      duplex.resume();
    }
    await macrotask();
    expect(said).toEqual([...texts, "ended"]);
  });

  it("accepts a Uint8Array, as the ws package passes it", async () => {
    const { socket, duplex, said } = await opened();
    await macrotask();
    socket.say("", fromLatin1("|a buffer").subarray(1));
    expect(said).toEqual(["a buffer"]);
    await duplex.close();
  });

  it.each<[string, unknown]>([
    ["text", "SSH-2.0-a"],
    ["a Blob", new Blob(["SSH"])],
    ["nothing", null],
  ])("ends the connection on %s", async (_, data) => {
    const { socket, said } = await opened();
    socket.say("", data);
    await macrotask();
    expect(said).toEqual([code("unexpected-message")]);
    expect(socket.closes).toEqual([1000]);
  });

  it("ends the connection if more than 64 MiB are unread", async () => {
    const { socket, duplex, said } = await opened();
    duplex.pause();
    const message = new ArrayBuffer(1024 * 1024);
    for (let i = 0; i < 64; i++) socket.say("", message);
    await macrotask();
    expect(said).toEqual([]);
    socket.say("", message);
    await macrotask();
    expect(said).toEqual([code("window-exceeded")]);
    expect(socket.closes).toEqual([1000]);
  });
});

describe("the end of a plain connection", () => {
  it.each<[string, number, unknown]>([
    ["a normal close", 1000, "ended"],
    ["a close without a code", 1005, "ended"],
    ["a lost WebSocket", 1006, code("connection-lost")],
    ["a gateway that goes away", 1001, code("connection-lost")],
    ["a violation of policy", 1008, code("gateway-refused")],
    ["a refused ticket", 4401, code("gateway-refused")],
    ["too many WebSockets", 4429, code("gateway-refused")],
    ["an unreachable destination", 4502, code("connection-failed")],
    ["a silent destination", 4504, code("connect-timeout")],
    ["an unknown code", 4999, code("gateway-refused")],
  ])("is reported after the data, on %s", async (_, closeCode, expected) => {
    const { socket, duplex, said } = await opened();
    duplex.pause();
    socket.say("last words");
    socket.shut(closeCode, "because");
    await macrotask();
    expect(said).toEqual([]);
    duplex.resume();
    await macrotask();
    expect(said).toEqual(["last words", expected]);
  });

  it("shows the gateway's reason, escaped", async () => {
    const { socket, said } = await opened();
    socket.shut(4429, "too many\u001b[2J");
    await macrotask();
    expect((said[0] as Error).message).toContain("4429: too many\\x1b[2J");
  });

  it("has the close event as the cause of its error, for a page that explains it", async () => {
    const { socket, said } = await opened();
    socket.shut(4502, "destination-unreachable");
    await macrotask();
    expect(said[0]).toMatchObject({ cause: { code: 4502, reason: "destination-unreachable" } });
  });

  it("by `close` is final: late messages, errors and closes have no effect", async () => {
    const { socket, duplex, said } = await opened();
    await macrotask();
    socket.onClose = () => {};
    const closing = duplex.close();
    socket.say("late");
    socket.say("", "late text");
    expect(duplex.write([utf8Encode("late")])).toBe(true);
    await duplex.end();
    socket.fail();
    await closing;
    await duplex.close();
    socket.say("later");
    socket.fail();
    await macrotask();
    expect(said).toEqual([]);
    expect(socket.sent).toEqual([]);
    expect(socket.closes).toEqual([1000]);
  });

  it("terminates the WebSocket after two seconds if the gateway does not answer", async () => {
    const { socket, duplex } = await opened();
    let terminated = 0;
    Object.assign(socket, { onClose() {}, terminate: () => terminated++ });
    socket.bufferedAmount = 2 ** 21;
    duplex.write([utf8Encode("a")]);
    let isClosed = false;
    const closing = duplex.close().then(() => void (isClosed = true));
    await vi.advanceTimersByTimeAsync(1999);
    expect(isClosed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await closing;
    expect(terminated).toBe(1);
  });
});
