import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Duplex, PassThrough } from "node:stream";
import type { DuplexHandler } from "nacre";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { notePacket } from "../src/net/packet-buffers.ts";
import { acceptedDuplex, socketDuplex } from "../src/net/socket-duplex.ts";
import { serve, watchResources } from "./support.ts";

/** The events of a duplex. */
class Recorder implements DuplexHandler {
  readonly events: string[] = [];
  received: Buffer = Buffer.alloc(0);
  #look: () => void = () => {};

  data(chunk: Uint8Array): void {
    this.received = Buffer.concat([this.received, chunk]);
    this.#look();
  }

  drained(): void {
    this.#tell("drained");
  }

  ended(): void {
    this.#tell("ended");
  }

  failed(cause: unknown): void {
    this.#tell(`failed: ${(cause as NodeJS.ErrnoException).code}`);
  }

  /** Resolves after the event. */
  until(event: string): Promise<void> {
    return this.#when(() => this.events.includes(event));
  }

  untilReceived(length: number): Promise<void> {
    return this.#when(() => this.received.length >= length);
  }

  #tell(event: string): void {
    this.events.push(event);
    this.#look();
  }

  #when(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#look = () => {
        if (condition()) resolve();
      };
      this.#look();
    });
  }
}

async function connected(onConnection: (socket: Socket) => void) {
  const server = await serve(onConnection);
  const socket = connect({ host: "127.0.0.1", port: server.port });
  await once(socket, "connect");
  return { server, socket, duplex: socketDuplex(socket), recorded: new Recorder() };
}

const MEGABYTES = Buffer.alloc(8 * 1024 * 1024, "0123456789abcdef");

describe("a duplex over a socket", () => {
  test("transfers data in both directions and waits for a slow reader", async () => {
    const { server, duplex, recorded } = await connected((peer) => peer.pause());
    duplex.open(recorded);
    let full = false;
    for (let offset = 0; offset < MEGABYTES.length; offset += 65_536)
      full = !duplex.write([new Uint8Array(MEGABYTES.subarray(offset, offset + 65_536))]) || full;
    expect(full).toBe(true);
    expect(recorded.events).toEqual([]);

    const [peer] = server.sockets;
    const arrived = new Recorder();
    peer!.on("data", (chunk) => arrived.data(chunk));
    peer!.resume();
    await recorded.until("drained");
    await arrived.untilReceived(MEGABYTES.length);
    expect(arrived.received.equals(MEGABYTES)).toBe(true);
    await duplex.close();
  });

  test("receives no more than the system's buffers while paused", async () => {
    const { server, duplex, recorded } = await connected((peer) => peer.write(MEGABYTES));
    duplex.open(recorded);
    duplex.pause();
    const [peer] = server.sockets;
    // The sender fills the buffers of both systems and then stalls.
    let sent = -1;
    while (sent !== peer!.bytesWritten - peer!.writableLength) {
      sent = peer!.bytesWritten - peer!.writableLength;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(peer!.writableLength).toBeGreaterThan(0);
    expect(recorded.received.length).toBeLessThan(1024 * 1024);
    duplex.resume();
    await recorded.untilReceived(MEGABYTES.length);
    expect(recorded.received.equals(MEGABYTES)).toBe(true);
    await duplex.close();
  });

  test("reports the peer's end after its last bytes", async () => {
    const { duplex, recorded } = await connected((peer) => peer.end("last bytes"));
    duplex.open(recorded);
    await recorded.until("ended");
    expect(recorded.received.toString()).toBe("last bytes");
    expect(recorded.events).toEqual(["ended"]);
    await duplex.close();
  });

  test("reports a broken connection once", async () => {
    const { duplex, recorded } = await connected((peer) => peer.on("data", () => peer.resetAndDestroy()));
    duplex.open(recorded);
    duplex.write([new Uint8Array(10)]);
    await recorded.until("failed: ECONNRESET");
    duplex.write([new Uint8Array(10)]);
    await duplex.close();
    expect(recorded.events).toEqual(["failed: ECONNRESET"]);
  });

  test("reports a break before `open` after `open` returns", async () => {
    const { socket, duplex, recorded } = await connected(() => {});
    socket.destroy(Object.assign(new Error("unplugged"), { code: "EUNPLUGGED" }));
    await new Promise((resolve) => socket.on("close", resolve));
    duplex.open(recorded);
    expect(recorded.events).toEqual([]);
    await recorded.until("failed: EUNPLUGGED");
    expect(duplex.write([new Uint8Array(10)])).toBe(true);
    await duplex.close();
  });

  test("sends all written data when closed, emits no more events, and leaves nothing open", async () => {
    const leftOpen = await watchResources();
    const received: Buffer[] = [];
    const { server, duplex, recorded } = await connected((peer) => peer.on("data", (chunk) => received.push(chunk)));
    duplex.open(recorded);
    duplex.write([new Uint8Array(MEGABYTES)]);
    await Promise.all([duplex.close(), duplex.close()]);
    const [peer] = server.sockets;
    if (!peer!.readableEnded) await once(peer!, "end");
    expect(Buffer.concat(received).equals(MEGABYTES)).toBe(true);
    expect(recorded.events.filter((event) => event !== "drained")).toEqual([]);
    await server.close();
    expect(await leftOpen()).toEqual([]);
  });

  test("closes in bounded time if the peer does not read", async () => {
    const { server, duplex, recorded } = await connected((peer) => peer.pause());
    duplex.open(recorded);
    for (let i = 0; i < 4; i++) duplex.write([new Uint8Array(MEGABYTES)]);
    await duplex.close();
    await server.close();
  });

  test("leaves no timer when a stream that emits `close` by itself, as channels of ssh2 do, is closed in its listener", async () => {
    const stream = new Duplex({ emitClose: false, read() {}, write() {} });
    const closed = new Promise<void>((resolve) => void stream.on("close", () => void duplex.close().then(resolve)));
    const duplex = socketDuplex(stream);
    duplex.open(new Recorder());
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    stream.emit("close");
    await closed;
    expect(vi.getTimerCount()).toBe(0);
  });

  test("keeps our direction open after the peer's end, and `end` closes it after all written data", async () => {
    const leftOpen = await watchResources();
    const received: Buffer[] = [];
    const { server, duplex, recorded } = await connected((peer) => {
      peer.allowHalfOpen = true;
      peer.on("data", (chunk) => received.push(chunk));
      peer.end("question");
    });
    duplex.open(recorded);
    await recorded.until("ended");
    await new Promise((resolve) => setImmediate(resolve));
    duplex.write([new Uint8Array(MEGABYTES)]);
    await Promise.all([duplex.end(), duplex.end()]);
    const [peer] = server.sockets;
    if (!peer!.readableEnded) await once(peer!, "end");
    expect(Buffer.concat(received).equals(MEGABYTES)).toBe(true);
    await duplex.close();
    expect(recorded.events.filter((event) => event !== "drained")).toEqual(["ended"]);
    await server.close();
    expect(await leftOpen()).toEqual([]);
  });

  test("keeps the peer's direction open after `end`", async () => {
    const { duplex, recorded } = await connected((peer) => {
      peer.allowHalfOpen = true;
      peer.on("end", () => peer.end("answer")).resume();
    });
    duplex.open(recorded);
    await duplex.end();
    await recorded.until("ended");
    expect([recorded.received.toString(), recorded.events]).toEqual(["answer", ["ended"]]);
    await duplex.close();
  });

  test("resolves `end` if the connection breaks before everything is sent", async () => {
    const { server, duplex, recorded } = await connected((peer) => peer.pause());
    duplex.open(recorded);
    for (let i = 0; i < 4; i++) duplex.write([new Uint8Array(MEGABYTES)]);
    const ending = duplex.end();
    server.sockets[0]!.resetAndDestroy();
    await ending;
    await duplex.end();
    await duplex.close();
    expect(recorded.events.filter((event) => event !== "drained")).toHaveLength(1);
  });

  test("reports a failure if the socket is destroyed after the peer's end but before ours", async () => {
    const { socket, duplex, recorded } = await connected((peer) => {
      peer.allowHalfOpen = true;
      peer.end();
    });
    duplex.open(recorded);
    await recorded.until("ended");
    socket.destroy();
    await recorded.until("failed: undefined");
    await duplex.close();
  });

  describe("after a write", () => {
    const LARGE = 64 * 1024;

    const large = (): Uint8Array<ArrayBuffer> => new Uint8Array(MEGABYTES.subarray(0, LARGE));

    test("frees the large buffers that a piece fills, and no others", async () => {
      const arrived = new Recorder();
      const { duplex, recorded } = await connected((peer) => peer.on("data", (chunk) => arrived.data(chunk)));
      duplex.open(recorded);
      const twice = large();
      const pieces = [large(), large().subarray(1), Uint8Array.of(1, 2, 3), twice, twice];
      const expected = Buffer.concat(pieces);
      duplex.write(pieces);
      await arrived.untilReceived(expected.length);
      expect(arrived.received.equals(expected)).toBe(true);
      await vi.waitFor(() => expect(pieces.map(({ length }) => length)).toEqual([0, LARGE - 1, 3, 0, 0]), 10_000);
      await duplex.close();
    });

    test("frees the buffers of received packets with their data, and no others that a piece fills in part", async () => {
      const arrived = new Recorder();
      const { duplex, recorded } = await connected((peer) => peer.on("data", (chunk) => arrived.data(chunk)));
      duplex.open(recorded);
      const [packet, other] = [notePacket(large()), notePacket(large())];
      const pieces = [packet.subarray(10, -6), large().subarray(10, -6), other.subarray(0, LARGE / 2)];
      const expected = Buffer.concat(pieces);
      duplex.write(pieces);
      await arrived.untilReceived(expected.length);
      expect(arrived.received.equals(expected)).toBe(true);
      await vi.waitFor(() => expect(pieces[0]).toHaveLength(0), 10_000);
      expect(pieces.slice(1).map(({ length }) => length)).toEqual([LARGE - 16, LARGE / 2]);
      await duplex.close();
    });

    test("frees no buffer before the system has taken it", async () => {
      const { server, duplex, recorded } = await connected((peer) => peer.pause());
      duplex.open(recorded);
      const pieces: Uint8Array<ArrayBuffer>[] = [];
      while (pieces.length < MEGABYTES.length / LARGE) {
        pieces.push(large());
        duplex.write(pieces.slice(-1));
      }
      await new Promise(setImmediate);
      expect(pieces.at(-1)).toHaveLength(LARGE);
      const arrived = new Recorder();
      server.sockets[0]!.on("data", (chunk) => arrived.data(chunk)).resume();
      await arrived.untilReceived(MEGABYTES.length);
      expect(arrived.received.equals(MEGABYTES)).toBe(true);
      await vi.waitFor(() => expect(pieces.every(({ length }) => length === 0)).toBe(true), 10_000);
      await duplex.close();
    });

    test("frees no buffer of a stream that may pass it on", async () => {
      const tunnel = new PassThrough();
      const recorded = new Recorder();
      const duplex = socketDuplex(tunnel);
      const piece = large();
      duplex.write([piece]);
      await new Promise(setImmediate);
      expect(piece).toHaveLength(LARGE);
      duplex.open(recorded);
      await recorded.untilReceived(LARGE);
      expect(recorded.received.equals(large())).toBe(true);
      await duplex.close();
    });
  });

  test("over an accepted socket frees the buffers of large chunks after use, and passes the bytes unchanged", async () => {
    const arrived = new Recorder();
    const chunks: Uint8Array[] = [];
    const { socket } = await connected((peer) => {
      peer.on("data", (chunk) => chunks.push(chunk));
      acceptedDuplex(peer).open(arrived);
    });
    socket.write(MEGABYTES);
    await arrived.untilReceived(MEGABYTES.length);
    expect(arrived.received.equals(MEGABYTES)).toBe(true);
    expect(chunks.some(({ length }) => length === 0)).toBe(true);
    socket.destroy();
  });

  test("over an accepted socket frees no chunk that is shorter than half a read buffer", async () => {
    const SHORT = 16 * 1024;
    const arrived = new Recorder();
    const chunks: Uint8Array[] = [];
    const { socket } = await connected((peer) => {
      peer.on("data", (chunk) => chunks.push(chunk));
      acceptedDuplex(peer).open(arrived);
    });
    socket.write(MEGABYTES.subarray(0, SHORT));
    await arrived.untilReceived(SHORT);
    expect(arrived.received.equals(MEGABYTES.subarray(0, SHORT))).toBe(true);
    expect(chunks.every(({ length }) => length > 0)).toBe(true);
    socket.destroy();
  });

  test("over a dialled socket frees no chunk, as it may share the buffer of others", async () => {
    const chunks: Uint8Array[] = [];
    const { socket, duplex, recorded } = await connected((peer) => peer.write(MEGABYTES));
    socket.on("data", (chunk) => chunks.push(chunk));
    duplex.open(recorded);
    await recorded.untilReceived(MEGABYTES.length);
    expect(chunks.every(({ length }) => length > 0)).toBe(true);
    await duplex.close();
  });

  test("with `linger` reads to the peer's end when closed, so that the peer sees no error", async () => {
    const leftOpen = await watchResources();
    const said: string[] = [];
    const { server, socket } = await connected((peer) => {
      peer.allowHalfOpen = true;
      peer.on("error", (error: NodeJS.ErrnoException) => said.push(`error ${error.code}`));
      peer.on("finish", () => said.push("all sent"));
      peer.on("close", (hadError) => said.push(`closed ${hadError}`));
      // It goes on to send after our end.
      peer.on("end", () => {
        peer.write(MEGABYTES);
        setImmediate(() => peer.end(MEGABYTES));
      });
      peer.resume();
    });
    const lingering = socketDuplex(socket, { linger: 2000 });
    const recorded = new Recorder();
    lingering.open(recorded);
    lingering.pause();
    // The time that it waits does not pass.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const closing = lingering.close();
    const [peer] = server.sockets;
    if (!peer!.closed) await once(peer!, "close");
    await closing;
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
    expect(said).toEqual(["all sent", "closed false"]);
    expect([recorded.events, recorded.received.length]).toEqual([[], 0]);
    await server.close();
    expect(await leftOpen()).toEqual([]);
  });

  test("with `linger` closes in bounded time if the peer does not end its direction", async () => {
    const leftOpen = await watchResources();
    for (const isEndedBefore of [false, true]) {
      const { server, socket } = await connected((peer) => {
        peer.allowHalfOpen = true;
        peer.on("error", () => {}).resume();
      });
      const lingering = socketDuplex(socket, { linger: 20 });
      lingering.open(new Recorder());
      if (isEndedBefore) await lingering.end();
      await lingering.close();
      expect(socket.destroyed).toBe(true);
      await server.close();
    }
    expect(await leftOpen()).toEqual([]);
  });

  test.each([-1, 2001, 1.5, "20", null])("rejects the `linger` %s", (linger) => {
    expect(() => socketDuplex(new PassThrough(), { linger: linger as number })).toThrow(
      expect.objectContaining({ code: "usage" }),
    );
  });

  test("accepts any Node duplex stream of bytes", async () => {
    const echo = new PassThrough();
    const recorded = new Recorder();
    const duplex = socketDuplex(echo);
    duplex.open(recorded);
    duplex.write([Uint8Array.of(104, 105)]);
    await recorded.untilReceived(2);
    expect(recorded.received.toString()).toBe("hi");
    await duplex.close();
    expect(echo.destroyed).toBe(true);
  });
});
