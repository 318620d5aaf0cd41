import { latin1 } from "@nacre/testing/bytes";
import { macrotask } from "@nacre/testing/macrotask";
import { failure } from "@nacre/testing/nacre/outcomes";
import { utf8Encode } from "@nacre/wire";
import type { ByteStreams } from "nacre";
import { describe, expect, it } from "vitest";
import { type BunSocket, bunSocketHandlers } from "../src/index.ts";

/** Fake Bun socket. A write accepts up to `room` bytes and discards the rest. */
class FakeBunSocket implements BunSocket {
  data!: BunSocket["data"];
  room = Infinity;
  taken = "";
  readonly calls: string[] = [];

  write(bytes: Uint8Array): number {
    if (this.room < 0) return -1;
    const part = bytes.subarray(0, this.room);
    this.room -= part.length;
    this.taken += latin1(part);
    return part.length;
  }

  pause = (): void => void this.calls.push("pause");
  resume = (): void => void this.calls.push("resume");
  end = (): void => void this.calls.push("end");
  terminate = (): void => void this.calls.push("terminate");
}

function opened(): { socket: FakeBunSocket; handlers: ReturnType<typeof bunSocketHandlers>; streams: ByteStreams } {
  const socket = new FakeBunSocket();
  let streams!: ByteStreams;
  const handlers = bunSocketHandlers((made) => {
    streams = made;
  });
  handlers.open(socket);
  return { socket, handlers, streams };
}

describe("a socket of Bun as byte streams", () => {
  it("writes the rest after each drain", async () => {
    const { socket, handlers, streams } = opened();
    const writer = streams.writable.getWriter();
    socket.room = 2;
    let isWritten = false;
    const writing = writer.write(utf8Encode("abcde")).then(() => void (isWritten = true));
    for (const room of [2, 1]) {
      await macrotask();
      expect(isWritten).toBe(false);
      socket.room = room;
      handlers.drain(socket);
    }
    await writing;
    expect(socket.taken).toBe("abcde");
    await writer.close();
    expect(socket.calls).toContain("end");
  });

  it("pauses while 64 KiB wait for the reader", async () => {
    const { socket, handlers, streams } = opened();
    handlers.data(socket, new Uint8Array(60_000));
    expect(socket.calls).not.toContain("pause");
    handlers.data(socket, new Uint8Array(60_000));
    expect(socket.calls.at(-1)).toBe("pause");
    const reader = streams.readable.getReader();
    await reader.read();
    await reader.read();
    await macrotask();
    expect(socket.calls.at(-1)).toBe("resume");
    await reader.cancel();
    expect(socket.calls.at(-1)).toBe("terminate");
  });

  it("ends with the peer, and late events change nothing", async () => {
    const { socket, handlers, streams } = opened();
    handlers.data(socket, utf8Encode("last"));
    handlers.end(socket);
    handlers.data(socket, utf8Encode("late"));
    handlers.close(socket);
    expect(await new Response(streams.readable as ReadableStream<Uint8Array<ArrayBuffer>>).text()).toBe("last");
    expect(await failure(streams.writable.getWriter().closed)).toBeInstanceOf(Error);
  });

  it("fails both directions and a pending write if the socket fails", async () => {
    const { socket, handlers, streams } = opened();
    socket.room = 0;
    const writing = failure(streams.writable.getWriter().write(utf8Encode("a")));
    await macrotask();
    const fault = new Error("reset");
    socket.room = -1;
    handlers.error(socket, fault);
    expect(await writing).toBeInstanceOf(Error);
    expect(await failure(streams.readable.getReader().read())).toBe(fault);
  });
});
