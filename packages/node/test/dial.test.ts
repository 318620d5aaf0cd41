import { once } from "node:events";
import { connect, Socket } from "node:net";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { dial, type TcpOptions } from "../src/net/dial.ts";
import { codeOf, serve, watchResources } from "./support.ts";

vi.mock(import("node:net"), async (original) => {
  const net = await original();
  return { ...net, connect: vi.fn(net.connect) as unknown as typeof net.connect };
});

beforeEach(() => {
  vi.mocked(connect).mockReset();
});

const options: TcpOptions = { host: "example.org", port: 22, connectTimeout: 10_000 };

/** Makes the next connection a socket that does nothing except run `act`. */
function pretend(act: (socket: Socket) => void = () => {}): Socket {
  const socket = new Socket();
  vi.mocked(connect).mockImplementationOnce(() => {
    process.nextTick(act, socket);
    return socket;
  });
  return socket;
}

function systemError(code: string): Error {
  return Object.assign(new Error(`connect ${code} 192.0.2.1:22`), { code });
}

describe("connecting", () => {
  test("returns a socket with TCP_NODELAY and leaves no timer", async () => {
    const leftOpen = await watchResources();
    const server = await serve(() => {});
    const { connect: real } = await vi.importActual<typeof import("node:net")>("node:net");
    vi.mocked(connect).mockImplementationOnce(real);
    const socket = await dial({ ...options, host: "127.0.0.1", port: server.port });
    expect(vi.mocked(connect).mock.lastCall?.[0]).toMatchObject({ noDelay: true });
    expect(socket.listenerCount("error")).toBe(0);
    socket.destroy();
    await server.close();
    expect(await leftOpen()).toEqual([]);
  });

  test("received data waits for a listener, arrives in order, and is followed by the end", async () => {
    const block = Uint8Array.from({ length: 300_007 }, (_, i) => i * 7);
    let written: Promise<unknown> | undefined;
    const server = await serve((socket) => {
      written = once(socket, "finish");
      socket.end(block);
    });
    const { connect: real } = await vi.importActual<typeof import("node:net")>("node:net");
    vi.mocked(connect).mockImplementationOnce(real);
    const socket = await dial({ ...options, host: "127.0.0.1", port: server.port });
    await written;
    const received: Buffer[] = [];
    socket.on("data", (chunk: Uint8Array) => {
      received.push(Buffer.from(chunk));
      // Pausing midway loses no data.
      socket.pause();
      setImmediate(() => socket.resume());
    });
    socket.resume();
    await once(socket, "end");
    expect(received.length).toBeGreaterThan(1);
    expect(Buffer.concat(received).equals(block)).toBe(true);
    socket.destroy();
  });

  test("a runtime that detaches the buffer of each read gets a new one", async () => {
    type OnRead = { readonly buffer: Uint8Array; readonly callback: (length: number, buffer: Uint8Array) => boolean };
    const read = ({ buffer, callback }: OnRead, ...bytes: number[]): void => {
      // Streams that read into a given buffer detach it, such as workerd's BYOB reader.
      const taken = structuredClone(buffer, { transfer: [buffer.buffer as ArrayBuffer] });
      expect(buffer).toHaveLength(0);
      taken.set(bytes);
      callback(bytes.length, taken.subarray(0, bytes.length));
    };
    for (const _connection of [1, 2]) {
      pretend((socket) => socket.emit("connect"));
      const socket = await dial(options);
      const { onread } = vi.mocked(connect).mock.lastCall![0] as unknown as { readonly onread: OnRead };
      const received: number[] = [];
      socket.on("data", (chunk: Uint8Array) => received.push(...chunk));
      read(onread, 1, 2, 3);
      read(onread, 4, 5);
      expect(received).toEqual([1, 2, 3, 4, 5]);
      socket.destroy();
    }
  });

  test.each([
    ["ECONNREFUSED", "connection-failed", "connection refused"],
    ["ENOTFOUND", "connection-failed", "host name not found"],
    ["EAI_AGAIN", "connection-failed", "host name lookup failed"],
    ["EHOSTUNREACH", "connection-failed", "no route"],
    ["ENETUNREACH", "connection-failed", "no route"],
    ["ETIMEDOUT", "connect-timeout", "no answer"],
    ["EPERM", "connection-failed", "connect EPERM 192.0.2.1:22"],
  ])("%s becomes %s, and names host and port", async (systemCode, code, reason) => {
    pretend((socket) => socket.destroy(systemError(systemCode)));
    await expect(dial(options)).rejects.toMatchObject({
      code,
      culprit: "peer",
      message: expect.stringMatching(`example\\.org port 22: .*${reason}`),
      cause: { code: systemCode },
    });
  });

  test("reports the first address's error if all addresses fail", async () => {
    const errors = [systemError("EPERM"), systemError("ECONNREFUSED")];
    pretend((socket) => socket.destroy(Object.assign(new AggregateError(errors), { code: "EPERM" })));
    await expect(dial(options)).rejects.toThrow("connect EPERM 192.0.2.1:22");
  });

  test("fails after `connectTimeout`", async () => {
    const leftOpen = await watchResources();
    const socket = pretend();
    await expect(dial({ ...options, connectTimeout: 10 })).rejects.toMatchObject({
      code: "connect-timeout",
      message: "cannot connect to example.org port 22: no answer within 10 ms",
    });
    expect(socket.destroyed).toBe(true);
    socket.emit("error", systemError("ECONNRESET"));
    expect(await leftOpen()).toEqual([]);
  });

  test("can be aborted before and during the attempt", async () => {
    const leftOpen = await watchResources();
    expect(await codeOf(dial({ ...options, signal: AbortSignal.abort() }))).toBe("aborted");
    expect(connect).not.toHaveBeenCalled();

    const abort = new AbortController();
    const socket = pretend(() => abort.abort("changed my mind"));
    await expect(dial({ ...options, signal: abort.signal })).rejects.toMatchObject({
      code: "aborted",
      cause: "changed my mind",
    });
    expect(socket.destroyed).toBe(true);
    expect(await leftOpen()).toEqual([]);
  });

  test("escapes the host in messages", async () => {
    pretend((socket) => socket.destroy(systemError("ENOTFOUND")));
    await expect(dial({ ...options, host: "evil\x1b[2J" })).rejects.toThrow("evil\\x1b[2J port 22");
  });
});
