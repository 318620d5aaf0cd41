import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, Socket } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { bindEach } from "../src/forward/bind.ts";
import { sharedReads, withSharedReads } from "../src/shared-reads.ts";

/** Larger than the shared buffer, and different in each part. */
const payload = Uint8Array.from({ length: 1_000_003 }, (_, i) => i * 7 + (i >> 8));

interface Accepted {
  readonly server: Server;
  readonly client: Socket;
  /** The socket that the server emitted. */
  readonly before: Socket;
  /** The socket that took over its connection. */
  readonly socket: Socket;
}

async function accepted(): Promise<Accepted> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, highWaterMark: 128 * 1024 });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const taken = once(server, "connection").then(([before]: Socket[]) => ({
    before: before!,
    socket: withSharedReads(before!),
  }));
  const client = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", allowHalfOpen: true });
  const { before, socket } = await taken;
  onTestFinished(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  return { server, client, before, socket };
}

/** Reads up to the end. Resolves with a copy of the data, and the memory that it arrived in. */
async function readAll(
  socket: Socket,
  onChunk: () => void = () => {},
): Promise<{ data: Buffer; memory: Set<unknown> }> {
  const chunks: Buffer[] = [];
  const memory = new Set<unknown>();
  socket.on("data", (chunk: Uint8Array) => {
    chunks.push(Buffer.from(chunk));
    memory.add(chunk.buffer);
    onChunk();
  });
  const ended = once(socket, "end");
  socket.resume();
  await ended;
  return { data: Buffer.concat(chunks), memory };
}

describe("a socket that takes over an accepted connection", () => {
  it("receives all data in order, also when it pauses after each chunk", async () => {
    const { client, socket } = await accepted();
    client.end(payload);
    const { data } = await readAll(socket, () => {
      socket.pause();
      setImmediate(() => socket.resume());
    });
    expect(data.equals(payload)).toBe(true);
  });

  it("reads nothing before it is resumed", async () => {
    const { client, socket } = await accepted();
    client.write("early");
    // The reply of another connection shows that the event loop has polled all sockets since.
    client.write("!");
    expect(socket.isPaused()).toBe(true);
    const other = await accepted();
    other.client.end("done");
    await readAll(other.socket);
    expect(socket.bytesRead).toBe(0);
    client.end();
    expect((await readAll(socket)).data.toString()).toBe("early!");
  });

  it("discards data and notices the end if it is resumed without a listener", async () => {
    const { client, socket } = await accepted();
    client.end(payload);
    socket.resume();
    await once(socket, "end");
    expect(socket.bytesRead).toBe(payload.length);
  });

  it("still writes after the peer's end, and has the same room for output", async () => {
    const { client, before, socket } = await accepted();
    expect(socket.writableHighWaterMark).toBe(before.writableHighWaterMark);
    client.end("question");
    expect((await readAll(socket)).data.toString()).toBe("question");
    socket.end(payload);
    expect((await readAll(client)).data.equals(payload)).toBe(true);
  });

  it("keeps the server from closing until it is closed itself", async () => {
    const { server, client, socket } = await accepted();
    let isClosed = false;
    const closed = once(server, "close").then(() => {
      isClosed = true;
    });
    server.close();
    client.end("data");
    await readAll(socket);
    expect(isClosed).toBe(false);
    socket.end();
    client.resume();
    await closed;
    expect(socket.closed).toBe(true);
  });

  it("is the accepted socket itself if the connection has already ended, or the runtime cannot move it", () => {
    const ended = new Socket();
    expect(withSharedReads(ended)).toBe(ended);
    const foreign = Object.assign(new Socket(), { _handle: {} });
    expect(withSharedReads(foreign)).toBe(foreign);
  });
});

it("a listener of forwards reads all its connections into the memory of dialled sockets", async () => {
  const sockets: Socket[] = [];
  const bound = await bindEach(["127.0.0.1"], 0, { onSocket: (socket) => sockets.push(socket) });
  onTestFinished(() => bound.close());
  const clients = [1, 2].map(() => connect({ port: bound.port!, host: "127.0.0.1" }).end(payload));
  onTestFinished(() => clients.forEach((client) => void client.destroy()));
  await vi.waitFor(() => expect(sockets).toHaveLength(2), 10_000);
  const { buffer } = sharedReads(() => sockets[0]!) as { readonly buffer: Uint8Array };
  for (const { data, memory } of await Promise.all(sockets.map((socket) => readAll(socket)))) {
    expect(data.equals(payload)).toBe(true);
    expect(memory).toEqual(new Set([buffer.buffer]));
  }
  for (const socket of sockets) socket.destroy();
});
