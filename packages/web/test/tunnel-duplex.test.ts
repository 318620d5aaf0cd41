import { fromLatin1, latin1 } from "@nacre/testing/bytes";
import { macrotask } from "@nacre/testing/macrotask";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { GatewayTunnel } from "@nacre/tunnel";
import { utf8Encode } from "@nacre/wire";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Duplex } from "nacre";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { type ConnectionChange, type WebSocketDuplexOptions, webSocketDuplex } from "../src/index.ts";
import { FakeSocket } from "./support/fake-socket.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** Encodes ACKNOWLEDGE for a position. */
function acknowledge(position: number): string {
  const bytes = new Uint8Array(9).fill(8);
  new DataView(bytes.buffer).setBigUint64(1, BigInt(position));
  return latin1(bytes);
}

/** Returns the lengths of the messages that the client sent on the last WebSocket, without the first `from`. */
function lengths(gateway: ScriptedGateway, from: number): number[] {
  return gateway.last.sent.slice(from).map((message) => message.length);
}

/** A gateway with WebSockets that the test controls. */
class ScriptedGateway {
  readonly sockets: FakeSocket[] = [];
  readonly changes: ConnectionChange[] = [];
  /** Calls of the application's handler. */
  readonly said: unknown[] = [];
  readonly tunnel: GatewayTunnel;
  /** Text received from the client. */
  received = "";
  duplex!: Duplex;
  #taken = 0;

  constructor({ address = "", resumeTime = 10_000 } = {}) {
    this.tunnel = new GatewayTunnel({
      id: new Uint8Array(16),
      secret: new Uint8Array(32),
      address,
      resumeTime,
      hmac: (key, message) => hmac(sha256, key, message),
      growth: { spare: 0 },
    });
  }

  get last(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  dial(options: Partial<WebSocketDuplexOptions> = {}): Promise<Duplex> {
    const { sockets } = this;
    class Recorded extends FakeSocket {
      constructor(url: string) {
        super(url);
        sockets.push(this);
      }
    }
    return webSocketDuplex({
      url: "wss://gateway.example/ssh",
      host: "example.org",
      silenceTimeout: 0,
      onConnectionChange: (change) => this.changes.push(change),
      WebSocket: Recorded,
      ...options,
    });
  }

  /** Sends all pending messages of the tunnel. */
  flush(): void {
    for (let next = this.tunnel.takeMessage(0); next !== undefined; next = this.tunnel.takeMessage(0))
      this.last.say("", next.buffer);
  }

  /** Receives the messages that the client sent on the last WebSocket. */
  take(): void {
    for (const message of this.last.sent.slice(this.#taken)) this.tunnel.receive(fromLatin1(message), 0);
    this.#taken = this.last.sent.length;
    for (let event = this.tunnel.nextEvent(); event !== undefined; event = this.tunnel.nextEvent()) {
      if (event.type !== "data") continue;
      this.received += latin1(event.data);
      this.tunnel.consumed(event.data.length);
    }
    this.flush();
  }

  /** Opens the tunnel and a byte connection over it. */
  async open(options: Partial<WebSocketDuplexOptions> = {}): Promise<this> {
    const dialling = this.dial(options);
    this.last.accept("nacre.v1");
    await macrotask();
    this.#taken = 1;
    this.flush();
    this.duplex = await dialling;
    this.listen();
    await macrotask();
    return this;
  }

  listen(): void {
    this.duplex.open({
      data: (chunk) => this.said.push(latin1(chunk)),
      drained: () => this.said.push("drained"),
      ended: () => this.said.push("ended"),
      failed: (cause) => this.said.push(cause),
      suspended: () => this.said.push("suspended"),
      resumed: () => this.said.push("resumed"),
    });
  }

  /** Closes the WebSocket, with code 1006 by default. */
  async lose(closeCode = 1006): Promise<void> {
    this.tunnel.detach();
    this.last.shut(closeCode);
    await macrotask();
  }

  /** Completes the attachment of the client's new WebSocket. */
  async attach(): Promise<void> {
    this.last.accept("nacre.v1");
    await macrotask();
    const attempt = this.tunnel.challenge(new Uint8Array(32));
    this.last.say("", attempt.message.buffer);
    expect(attempt.prove(fromLatin1(this.last.sent[1]!))).toBe(true);
    this.#taken = 2;
    this.flush();
    await macrotask();
  }
}

describe("a tunnel whose WebSocket is lost", () => {
  it("attaches another immediately, and calls its handler and the page's callback", async () => {
    const gateway = await new ScriptedGateway().open();
    gateway.duplex.write([utf8Encode("one ")]);
    await gateway.lose();
    expect(gateway.sockets).toHaveLength(2);
    expect(gateway.said).toEqual(["suspended"]);
    gateway.duplex.write([utf8Encode("two")]);
    await gateway.attach();
    gateway.take();
    expect(gateway.received).toBe("one two");
    expect(gateway.said).toEqual(["suspended", "resumed"]);
    expect(gateway.changes).toEqual([
      { type: "lost", error: code("connection-lost"), resumeTime: 10_000 },
      { type: "restored" },
    ]);
    await gateway.duplex.close();
  });

  it("tries again with growing pauses of at most 5 s, until the resume time is over", async () => {
    const gateway = await new ScriptedGateway({ resumeTime: 60_000 }).open();
    await gateway.lose();
    const times: number[] = [];
    const began = performance.now();
    while (!gateway.said.some((one) => one instanceof Error)) {
      times.push(performance.now() - began);
      gateway.last.fail();
      await vi.advanceTimersToNextTimerAsync();
    }
    expect(gateway.said).toEqual(["suspended", code("connection-lost")]);
    const pauses = times.slice(1).map((time, i) => time - times[i]!);
    expect(pauses[0]).toBeLessThanOrEqual(501);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(5001);
    expect(pauses.at(-1)).toBeGreaterThanOrEqual(2500);
    expect(times.at(-1)).toBeLessThan(60_000);
    expect(times.at(-1)).toBeGreaterThan(50_000);
    expect(gateway.changes.map(({ type }) => type)).toEqual(["lost"]);
    await gateway.duplex.close();
  });

  it("makes exactly one attempt if the resume time is 1 ms", async () => {
    const gateway = await new ScriptedGateway({ resumeTime: 1 }).open();
    await gateway.lose();
    await vi.advanceTimersByTimeAsync(5000);
    gateway.last.fail();
    await macrotask();
    expect(gateway.sockets).toHaveLength(2);
    expect(gateway.said).toEqual(["suspended", code("connection-lost")]);
    await gateway.duplex.close();
  });

  it("pauses also between WebSockets that are lost as soon as they are attached", async () => {
    const gateway = await new ScriptedGateway().open();
    await gateway.lose();
    await gateway.attach();
    await gateway.lose();
    expect(gateway.sockets).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(500);
    expect(gateway.sockets).toHaveLength(3);
    await gateway.attach();
    await gateway.duplex.close();
  });

  it("abandons an attempt that the gateway does not answer, and makes another", async () => {
    const gateway = await new ScriptedGateway().open({ connectTimeout: 1000 });
    await gateway.lose();
    gateway.last.accept("nacre.v1");
    await vi.advanceTimersByTimeAsync(1000);
    expect(gateway.last.closes).toEqual([]);
    expect(gateway.sockets[1]!.closes).toEqual([4430]);
    expect(gateway.sockets).toHaveLength(3);
    await gateway.attach();
    await gateway.duplex.close();
  });

  it.each([
    [4408, "first-message-timeout"],
    [4429, "too-many"],
  ])("makes another attempt after the close code %i of a gateway that still has the tunnel", async (number, reason) => {
    const gateway = await new ScriptedGateway().open();
    await gateway.lose();
    gateway.last.accept("nacre.v1");
    await macrotask();
    gateway.last.shut(number, reason);
    await vi.advanceTimersByTimeAsync(500);
    expect(gateway.sockets).toHaveLength(3);
    await gateway.attach();
    expect(gateway.said).toEqual(["suspended", "resumed"]);
    await gateway.duplex.close();
  });

  it.each<[string, (gateway: ScriptedGateway) => Promise<void>, string]>([
    ["it forgot the tunnel", async ({ last }) => last.shut(4404, "tunnel-unknown"), "gateway-refused"],
    ["another one answers there", async ({ last }) => last.shut(4421, "resume-elsewhere"), "gateway-refused"],
    ["it picks another subprotocol", async ({ last }) => last.accept("binary"), "gateway-refused"],
    [
      "its position went back",
      async ({ last }) => {
        last.accept("nacre.v1");
        await macrotask();
        last.say(`\u0004\0\0\0\u0020${"\0".repeat(32)}${"\0".repeat(7)}\u0009`);
        last.say(`\u0006${"\0".repeat(7)}\u0001`);
      },
      "malformed-message",
    ],
    [
      "it sends an unknown message",
      async ({ last }) => {
        last.accept("nacre.v1");
        await macrotask();
        last.say("\u0063");
      },
      "malformed-message",
    ],
    [
      "it sends text",
      async ({ last }) => {
        last.accept("nacre.v1");
        await macrotask();
        last.say("", "hello");
      },
      "unexpected-message",
    ],
  ])("ends if the gateway does not resume it: %s", async (_, answer, expected) => {
    const gateway = await new ScriptedGateway().open();
    await gateway.lose();
    await answer(gateway);
    await macrotask();
    expect(gateway.said).toEqual(["suspended", code(expected)]);
    expect(gateway.sockets).toHaveLength(2);
    await gateway.duplex.close();
  });

  it("ends without another attempt after a final close code", async () => {
    for (const number of [1000, 1001, 1008, 4409, 4431, 4432]) {
      const gateway = await new ScriptedGateway().open();
      gateway.last.say("", Uint8Array.of(7, 65).buffer);
      await gateway.lose(number);
      expect([number, gateway.sockets.length]).toEqual([number, 1]);
      expect(gateway.said).toEqual(["A", expect.objectContaining({ name: "SshError" })]);
      expect(gateway.changes).toEqual([]);
      await gateway.duplex.close();
    }
  });

  it.each([1006, 1011, 1012, 4430])("attaches another after the close code %i", async (number) => {
    const gateway = await new ScriptedGateway().open();
    await gateway.lose(number);
    expect(gateway.sockets).toHaveLength(2);
    await gateway.attach();
    await gateway.duplex.close();
  });

  it("attaches another before it has a handler, and calls the handler once it is set", async () => {
    const gateway = new ScriptedGateway();
    const dialling = gateway.dial();
    gateway.last.accept("nacre.v1");
    await macrotask();
    gateway.flush();
    gateway.duplex = await dialling;
    await gateway.lose();
    gateway.listen();
    await macrotask();
    expect(gateway.said).toEqual(["suspended"]);
    await gateway.attach();
    expect(gateway.said).toEqual(["suspended", "resumed"]);
    await gateway.duplex.close();
  });

  it("reports the end to a handler that is set later", async () => {
    const gateway = new ScriptedGateway({ resumeTime: 0 });
    const dialling = gateway.dial();
    gateway.last.accept("nacre.v1");
    await macrotask();
    gateway.flush();
    gateway.duplex = await dialling;
    await gateway.lose();
    gateway.listen();
    expect(gateway.said).toEqual([]);
    await macrotask();
    expect(gateway.said).toEqual([code("connection-lost")]);
    expect(gateway.duplex.write([utf8Encode("late")])).toBe(true);
    await gateway.duplex.end();
    await gateway.duplex.close();
  });

  it("continues after `close`, so that the tunnel ends at the gateway", async () => {
    const gateway = await new ScriptedGateway().open();
    await gateway.lose();
    const closing = gateway.duplex.close();
    await gateway.attach();
    await closing;
    gateway.take();
    expect(gateway.last.closes).toEqual([1000]);
    expect(gateway.said).toEqual(["suspended"]);
    expect(gateway.changes.map(({ type }) => type)).toEqual(["lost"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("makes no further attempt two seconds after `close`", async () => {
    const gateway = await new ScriptedGateway().open();
    await gateway.lose();
    const closing = gateway.duplex.close();
    gateway.last.fail();
    await vi.advanceTimersByTimeAsync(1999);
    expect(gateway.sockets).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(1);
    await closing;
    gateway.last.fail();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(gateway.sockets).toHaveLength(3);
    expect(gateway.said).toEqual(["suspended"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("sends no close code that ends the tunnel if the time after `close` is up while it attaches", async () => {
    const gateway = await new ScriptedGateway().open();
    await gateway.lose();
    gateway.last.accept("nacre.v1");
    await macrotask();
    const closing = gateway.duplex.close();
    await vi.advanceTimersByTimeAsync(2000);
    await closing;
    expect(gateway.last.closes).toEqual([4430]);
    expect(gateway.said).toEqual(["suspended"]);
  });
});

it("acknowledges the last bytes a second after they arrived, once", async () => {
  const gateway = await new ScriptedGateway().open();
  gateway.last.say("", Uint8Array.of(7, 65, 66, 67).buffer);
  const before = gateway.last.sent.length;
  await vi.advanceTimersByTimeAsync(999);
  expect(gateway.last.sent).toHaveLength(before);
  await vi.advanceTimersByTimeAsync(5000);
  // ACKNOWLEDGE for position 3.
  expect(gateway.last.sent.slice(before)).toEqual(["\x08\0\0\0\0\0\0\0\x03"]);
  await gateway.duplex.close();
});

describe("acknowledgements of a tunnel", () => {
  const MESSAGE = 65_535;
  const sayData = (gateway: ScriptedGateway, length = MESSAGE): void => {
    const message = new Uint8Array(1 + length).fill(65);
    message[0] = 7;
    gateway.last.say("", message.buffer);
  };

  it("cover 256 KiB each while data flow", async () => {
    const gateway = await new ScriptedGateway().open();
    const before = gateway.last.sent.length;
    for (let i = 0; i < 12; i++) sayData(gateway);
    expect(gateway.last.sent.slice(before)).toEqual([acknowledge(5 * MESSAGE), acknowledge(10 * MESSAGE)]);
    await gateway.duplex.close();
  });

  it("cover 128 KiB or more after 10 ms without data", async () => {
    const gateway = await new ScriptedGateway().open();
    const before = gateway.last.sent.length;
    sayData(gateway);
    sayData(gateway, MESSAGE - 1);
    await vi.advanceTimersByTimeAsync(20);
    expect(gateway.last.sent).toHaveLength(before);
    sayData(gateway, 1);
    await vi.advanceTimersByTimeAsync(9);
    expect(gateway.last.sent).toHaveLength(before);
    await vi.advanceTimersByTimeAsync(1);
    expect(gateway.last.sent.slice(before)).toEqual([acknowledge(2 * MESSAGE)]);
    await gateway.duplex.close();
  });

  it("leave at once after a pause, since no data may follow", async () => {
    const gateway = await new ScriptedGateway().open();
    const before = gateway.last.sent.length;
    gateway.duplex.pause();
    sayData(gateway);
    sayData(gateway);
    await vi.advanceTimersByTimeAsync(2000);
    expect(gateway.last.sent).toHaveLength(before);
    gateway.duplex.resume();
    expect(gateway.last.sent.slice(before)).toEqual([acknowledge(2 * MESSAGE)]);
    await gateway.duplex.close();
  });

  it("leave at once after the gateway's end", async () => {
    const gateway = await new ScriptedGateway().open();
    const before = gateway.last.sent.length;
    sayData(gateway, 3);
    gateway.last.say("\x09");
    expect(gateway.last.sent.slice(before)).toEqual([acknowledge(4)]);
    await gateway.duplex.close();
  });

  it("are repeated on another WebSocket", async () => {
    const gateway = await new ScriptedGateway().open();
    for (let i = 0; i < 5; i++) {
      gateway.tunnel.write(new Uint8Array(MESSAGE));
      gateway.flush();
    }
    await gateway.lose();
    expect(gateway.tunnel.buffered).toBe(5 * MESSAGE);
    await gateway.attach();
    gateway.take();
    expect(gateway.tunnel.buffered).toBe(0);
    await gateway.duplex.close();
  });
});

describe("the messages of a tunnel", () => {
  it("are full while the application writes, and the rest leaves in the next round of the event loop", async () => {
    const gateway = await new ScriptedGateway().open();
    const before = gateway.last.sent.length;
    for (let i = 0; i < 3; i++) {
      gateway.duplex.write([new Uint8Array(65_600).fill(65 + i)]);
      await Promise.resolve();
    }
    expect(lengths(gateway, before)).toEqual([65_536, 65_536, 65_536]);
    await macrotask();
    expect(lengths(gateway, before)).toEqual([65_536, 65_536, 65_536, 1 + 3 * 65]);
    gateway.take();
    expect(gateway.received).toBe(["A", "B", "C"].map((letter) => letter.repeat(65_600)).join(""));
    await gateway.duplex.close();
  });

  it("are sent at once if no full message precedes them", async () => {
    const gateway = await new ScriptedGateway().open();
    const before = gateway.last.sent.length;
    gateway.duplex.write([utf8Encode("a")]);
    gateway.duplex.write([utf8Encode("b")]);
    expect(gateway.last.sent.slice(before)).toEqual(["\x07a", "\x07b"]);
    await gateway.duplex.close();
  });

  it("leave at once at the end", async () => {
    const gateway = await new ScriptedGateway().open();
    const before = gateway.last.sent.length;
    gateway.duplex.write([new Uint8Array(65_600)]);
    const ended = gateway.duplex.end();
    expect(lengths(gateway, before)).toEqual([65_536, 66, 1]);
    await ended;
    await gateway.duplex.close();
  });

  it("keep the rest for another WebSocket if theirs is lost", async () => {
    const gateway = await new ScriptedGateway().open();
    gateway.duplex.write([new Uint8Array(65_600).fill(65)]);
    await gateway.lose();
    await gateway.attach();
    gateway.duplex.write([utf8Encode("!")]);
    await macrotask();
    gateway.take();
    expect(gateway.received).toBe(`${"A".repeat(65_600)}!`);
    await gateway.duplex.close();
  });
});

/** Sends five large messages with a class of WebSocket, and returns their buffers. */
async function buffersOf(isPlatform: boolean): Promise<ArrayBufferLike[]> {
  const gateway = new ScriptedGateway();
  const buffers: ArrayBufferLike[] = [];
  class Keeping extends FakeSocket {
    constructor(url: string) {
      super(url);
      gateway.sockets.push(this);
    }
    override send(data: Uint8Array): void {
      if (data.length > 1000) buffers.push(data.buffer);
      super.send(data);
    }
  }
  onTestFinished(() => void vi.unstubAllGlobals());
  if (isPlatform) vi.stubGlobal("WebSocket", Keeping);
  await gateway.open({ WebSocket: Keeping });
  const text = "0123456789".repeat(30_000);
  gateway.duplex.write([utf8Encode(text)]);
  await macrotask();
  gateway.take();
  expect(gateway.received).toBe(text);
  await gateway.duplex.close();
  return buffers;
}

describe("the memory of a tunnel's messages", () => {
  it("is used again if the WebSocket is the platform's, which copies it", async () => {
    const buffers = await buffersOf(true);
    expect(buffers).toHaveLength(5);
    expect(new Set(buffers)).toHaveProperty("size", 1);
  });

  it("is new for each message of another WebSocket, which may send it later", async () => {
    expect(new Set(await buffersOf(false))).toHaveProperty("size", 5);
  });
});

describe("a silent WebSocket", () => {
  it("is replaced, with a close code that does not end the tunnel", async () => {
    const gateway = await new ScriptedGateway().open({ silenceTimeout: 5000 });
    await vi.advanceTimersByTimeAsync(4000);
    gateway.last.say("", Uint8Array.of(7, 65).buffer);
    await vi.advanceTimersByTimeAsync(4999);
    expect(gateway.sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(gateway.sockets).toHaveLength(2);
    expect(gateway.sockets[0]!.closes).toEqual([4430]);
    expect(gateway.said).toEqual(["A", "suspended"]);
    gateway.sockets[0]!.say("", Uint8Array.of(7, 66).buffer);
    gateway.sockets[0]!.shut(4409);
    gateway.tunnel.detach();
    expect(gateway.said).toEqual(["A", "suspended"]);
    const closing = gateway.duplex.close();
    await vi.advanceTimersByTimeAsync(2000);
    await closing;
  });

  it("has a minute more while the page is hidden, whose timers for keepalives are late", async () => {
    let isHidden = true;
    const page = { get: () => isHidden, configurable: true };
    if (typeof document === "undefined") vi.stubGlobal("document", Object.defineProperty({}, "hidden", page));
    else Object.defineProperty(document, "hidden", page);
    onTestFinished(() => {
      Reflect.deleteProperty(document, "hidden");
      vi.unstubAllGlobals();
    });
    const gateway = await new ScriptedGateway().open({ silenceTimeout: 5000 });
    await vi.advanceTimersByTimeAsync(64_000);
    gateway.tunnel.write(Uint8Array.of(65));
    gateway.flush();
    await vi.advanceTimersByTimeAsync(64_000);
    expect(gateway.sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(gateway.sockets).toHaveLength(2);
    await gateway.attach();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(gateway.sockets).toHaveLength(2);
    isHidden = false;
    await vi.advanceTimersByTimeAsync(1000);
    expect(gateway.sockets).toHaveLength(3);
    const closing = gateway.duplex.close();
    await vi.advanceTimersByTimeAsync(2000);
    await closing;
  });

  it("is not replaced without a timeout", async () => {
    const gateway = await new ScriptedGateway().open();
    expect(vi.getTimerCount()).toBe(0);
    await gateway.duplex.close();
  });
});

describe("the bytes of a tunnel", () => {
  it("wait while paused, unacknowledged, and end in order", async () => {
    const gateway = await new ScriptedGateway().open();
    gateway.duplex.pause();
    gateway.tunnel.write(new Uint8Array(300_000).fill(65));
    gateway.tunnel.end();
    gateway.flush();
    await macrotask();
    gateway.take();
    expect(gateway.said).toEqual([]);
    expect(gateway.tunnel.buffered).toBe(300_000);
    gateway.duplex.resume();
    gateway.take();
    expect(gateway.said.join("")).toBe(`${"A".repeat(300_000)}ended`);
    expect(gateway.tunnel.buffered).toBe(0);
    await gateway.duplex.close();
  });

  it("wait in the tunnel while the WebSocket is full, and the writer waits for acknowledgements", async () => {
    const gateway = await new ScriptedGateway().open();
    gateway.last.bufferedAmount = 2 ** 21;
    expect(gateway.duplex.write([new Uint8Array(100_000)])).toBe(true);
    expect(gateway.last.sent).toHaveLength(2);
    expect(gateway.duplex.write([new Uint8Array(1_000_000)])).toBe(false);
    expect(gateway.last.sent).toHaveLength(2);
    gateway.last.bufferedAmount = 0;
    await vi.advanceTimersByTimeAsync(50);
    gateway.take();
    expect(gateway.received).toHaveLength(1_100_000);
    expect(gateway.said).toEqual(["drained"]);
    await gateway.duplex.close();
  });

  it("end with `end`, and the other direction continues", async () => {
    const gateway = await new ScriptedGateway().open();
    gateway.duplex.write([utf8Encode("last")]);
    await gateway.duplex.end();
    gateway.take();
    gateway.tunnel.write(utf8Encode("more"));
    gateway.tunnel.end();
    gateway.flush();
    expect(gateway.said).toEqual(["more", "ended"]);
    gateway.take();
    expect(gateway.last.closes).toEqual([1000]);
    await gateway.duplex.close();
  });

  it("are sent before the WebSocket is closed, for at most two seconds", async () => {
    const gateway = await new ScriptedGateway().open();
    gateway.last.bufferedAmount = 2 ** 21;
    gateway.duplex.write([utf8Encode("first")]);
    gateway.duplex.write([utf8Encode("last words")]);
    const closing = gateway.duplex.close();
    await vi.advanceTimersByTimeAsync(1000);
    expect(gateway.last.closes).toEqual([]);
    gateway.last.bufferedAmount = 0;
    await vi.advanceTimersByTimeAsync(50);
    await closing;
    gateway.take();
    expect(gateway.received).toBe("firstlast words");
    expect(gateway.last.closes).toEqual([1000]);
  });

  it("are discarded two seconds after `close` if the WebSocket stays full", async () => {
    const gateway = await new ScriptedGateway().open();
    gateway.last.bufferedAmount = 2 ** 21;
    gateway.duplex.write([utf8Encode("first")]);
    gateway.duplex.write([utf8Encode("last words")]);
    const closing = gateway.duplex.close();
    await vi.advanceTimersByTimeAsync(2000);
    await closing;
    expect(gateway.last.closes).toEqual([1000]);
  });

  it("are dropped after `close`, so that the gateway can finish", async () => {
    const gateway = await new ScriptedGateway().open();
    gateway.duplex.pause();
    gateway.tunnel.write(new Uint8Array(300_000));
    gateway.flush();
    gateway.last.onClose = () => {};
    const closing = gateway.duplex.close();
    await macrotask();
    gateway.last.shut(1000);
    await closing;
    expect(gateway.said).toEqual([]);
    await gateway.duplex.close();
  });
});

describe("the gateway's address", () => {
  it.each<[string, string, string]>([
    ["wss://gateway.example/ssh", "", "wss://gateway.example/ssh"],
    ["wss://gateway.example/ssh", "wss://two.gateway.example/ssh", "wss://two.gateway.example/ssh"],
    ["wss://gateway.example/ssh", "/two", "wss://gateway.example/two"],
    ["ws://localhost/ssh", "ws://localhost:81/", "ws://localhost:81/"],
    ["ws://localhost/ssh", "wss://two.gateway.example/", "wss://two.gateway.example/"],
  ])("is resolved against %s: %j", async (url, address, expected) => {
    const gateway = await new ScriptedGateway({ address }).open({ url });
    await gateway.lose();
    expect(gateway.last.url).toBe(expected);
    await gateway.attach();
    await gateway.duplex.close();
  });

  it.each([
    ["without encryption, after a WebSocket with encryption", "ws://gateway.example/ssh"],
    ["of another scheme", "https://gateway.example/ssh"],
    ["that is a script", "javascript:alert(1)"],
    ["without a host", "wss://"],
  ])("%s is refused", async (_, address) => {
    const gateway = new ScriptedGateway({ address });
    const dialling = failure(gateway.dial({ url: "wss://gateway.example/ssh" }));
    gateway.last.accept("nacre.v1");
    await macrotask();
    gateway.flush();
    expect(await dialling).toEqual(code("malformed-message"));
    expect(gateway.last.closes).toEqual([1000]);
  });
});
