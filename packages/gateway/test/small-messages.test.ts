import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { encodeTunnelMessage } from "@nacre/tunnel";
import { expect, onTestFinished, test } from "vitest";
import { Outlet } from "../src/outlet.ts";
import { frame, rawWebSocket, readExactly, readHead } from "./raw-web-socket.ts";
import type { GatewayReport } from "./small-heap-gateway.ts";
import { Page, pageSocket, pattern, startGateway, tcpServer, ticketFor } from "./support.ts";

const MIB = 1024 * 1024;

/** A socket that passes nothing to the system until `drain`. */
class FullSocket {
  readonly chunks: Uint8Array[] = [];
  readonly #written: (() => void)[] = [];
  writableLength = 0;

  write(bytes: Uint8Array, written: () => void): void {
    this.chunks.push(bytes);
    this.#written.push(written);
    this.writableLength += bytes.length;
  }

  drain(): void {
    this.writableLength = 0;
    for (const written of this.#written.splice(0)) written();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

/** Bytes of all memory that the chunks keep. */
function kept(chunks: readonly Uint8Array[]): number {
  return [...new Set(chunks.map(({ buffer }) => buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

test("messages of one byte are joined while the socket is full", () => {
  const socket = new FullSocket();
  const outlet = new Outlet(socket as unknown as Socket, () => {});
  const read = Uint8Array.from(pattern(65_536));
  for (let at = 0; at < read.length; at++) outlet.write(read.subarray(at, at + 1));
  expect(outlet.length).toBe(65_536);
  // The first byte found the socket empty.
  expect(socket.chunks).toHaveLength(1 + 15);
  expect(kept(socket.chunks.slice(1))).toBe(15 * 4096);
  socket.drain();
  expect(socket.chunks).toHaveLength(1 + 16);
  expect(socket.bytes.equals(read)).toBe(true);
});

test("messages of every length keep their order, and at most about twice their memory", () => {
  for (const length of [1, 2049, 4097, 20_000, 32_767, 32_768, 65_535]) {
    const socket = new FullSocket();
    const outlet = new Outlet(socket as unknown as Socket, () => {});
    const sent: Buffer[] = [];
    for (let i = 0; i < 40; i++) {
      // A WebSocket gives out views of reads of 64 KiB.
      const message = Buffer.alloc(65_536).subarray(0, i % 2 === 0 ? length : 1);
      message.fill(i);
      sent.push(message);
      outlet.write(message);
    }
    const bytes = sent.reduce((sum, one) => sum + one.length, 0);
    expect(outlet.length).toBe(bytes);
    expect(kept(socket.chunks.slice(1))).toBeLessThanOrEqual(2.3 * bytes);
    outlet.flush();
    expect(socket.bytes.equals(Buffer.concat(sent))).toBe(true);
  }
});

type Memory = Extract<GatewayReport, { rss: number }>;

/** Starts a gateway for one destination in a process with a heap of 48 MiB. */
async function startSmallGateway(target: number) {
  const file = fileURLToPath(new URL("small-heap-gateway.ts", import.meta.url));
  const execArgv = ["--conditions=@nacre/source", "--import", "tsx", "--max-old-space-size=48"];
  const child: ChildProcess = fork(file, [String(target)], { execArgv, stdio: ["ignore", "ignore", "pipe", "ipc"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exited = once(child, "exit").then(([code, signal]) => {
    throw new Error(`the gateway's process ended with ${code ?? signal}`);
  });
  exited.catch(() => {});
  const next = async (): Promise<GatewayReport> =>
    ((await Promise.race([once(child, "message"), exited])) as [GatewayReport])[0];
  const { port, tickets } = (await next()) as Extract<GatewayReport, { tickets: unknown }>;
  const memory = async (): Promise<Memory> => {
    child.send("memory");
    return (await next()) as Memory;
  };
  return { port, tickets, memory };
}

const DATA = frame(2, encodeTunnelMessage({ type: "data", data: new Uint8Array(65_535) }));

/** 64 KiB on the wire: 7281 tunnel messages of one byte. */
const TINY = Buffer.concat(
  Array.from({ length: 7281 }, () => frame(2, encodeTunnelMessage({ type: "data", data: Uint8Array.of(1) }))),
);

/** Resolves with the gateway's memory once it has received `up` bytes of data. */
async function received(memory: () => Promise<Memory>, up: number): Promise<Memory> {
  for (;;) {
    const now = await memory();
    if (now.up >= up) return now;
  }
}

test("five tunnels of one-byte messages to a destination that reads nothing need little more memory than their bytes", async () => {
  const { port: target } = await tcpServer((socket) => socket.pause());
  const { port, tickets, memory } = await startSmallGateway(target);
  const clients: Socket[] = [];
  for (const ticket of tickets) {
    const client = rawWebSocket({ port });
    await readHead(client);
    client.write(frame(2, encodeTunnelMessage({ type: "open", ticket, host: "127.0.0.1", port: target })));
    // OPENED
    await readExactly(client, 1);
    client.resume();
    clients.push(client);
  }
  // The system takes some MiB before the destination's socket is full.
  let up = 0;
  let before = await memory();
  while (before.buffered < 5 * 0.25 * MIB) {
    for (const client of clients) client.write(DATA);
    up += 5 * 65_535;
    before = await received(memory, up);
  }
  for (let i = 0; i < 20; i++) for (const client of clients) client.write(TINY);
  const after = await received(memory, up + 5 * 20 * 7281);
  expect(after.rss - before.rss).toBeLessThan(32 * MIB);
}, 120_000);

/** Starts a destination and a gateway, whose first accepted connection can be made to pass nothing to the system. */
async function withDribble({ isPlain }: { readonly isPlain: boolean }) {
  const { port, sockets } = await tcpServer((socket) => socket.setNoDelay(true));
  const place = `127.0.0.1:${port}`;
  const started = await startGateway({ allow: [place], plain: isPlain ? place : undefined });
  const accepted = once(started.server, "connection") as Promise<[Socket]>;
  const metric = (name: string): number => Number(new RegExp(`${name} (\\d+)`).exec(started.gateway.metrics())![1]);
  /** Sends single bytes, each once the gateway has read the one before. Stops when \`isEnough\` returns true. */
  const dribble = async (isEnough: (sent: number) => boolean): Promise<void> => {
    const [destination] = sockets;
    for (let sent = 0; !isEnough(sent); sent++) {
      destination!.write("x");
      while (metric('direction="down"}') <= sent && !isEnough(sent))
        await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { ...started, port, accepted, metric, dribble };
}

test("plain: messages of one byte to a client that reads nothing count with their overhead", async () => {
  const { url, event, accepted, metric, dribble } = await withDribble({ isPlain: true });
  const ws = pageSocket(url, {}, ["binary"]);
  await once(ws, "open");
  await event("opened");
  (await accepted)[0].cork();
  await dribble((sent) => metric("buffered_bytes") >= 256 * 1024 || sent > 1000);
  expect(metric('direction="down"}')).toBeLessThan(300);
  expect(metric("buffered_bytes")).toBeGreaterThanOrEqual(256 * 1024);
});

test("bytes that a tunnel's WebSocket has no room for leave in few messages", async () => {
  const { gateway, url, port, accepted, dribble } = await withDribble({ isPlain: false });
  const page = new Page(url, { ticket: await ticketFor(gateway, port), port });
  await page.opened;
  const [socket] = await accepted;
  socket.cork();
  await dribble((sent) => sent === 1000);
  let messages = 0;
  page.ws.on("message", () => messages++);
  socket.uncork();
  await page.receives(1000);
  expect(messages).toBeLessThan(300);
});
