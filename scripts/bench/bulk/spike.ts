/**
 * Measures the minimum cost of a packet of 32 KiB on Node, without Nacre's code: `node --import tsx scripts/bench/bulk/spike.ts`. Prints
 * the CPU time of this process for the unavoidable calls, in microseconds per packet. The other end is a separate process. See costs.md.
 */
import { fork } from "node:child_process";
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { median } from "../measure/table.ts";

const PACKET = 32 * 1024;
const BURST = 32;
const BURSTS = 64;
const ROUNDS = 9;

const key = randomBytes(32);
const nonce = randomBytes(12);
const additional = randomBytes(4);
const payload = randomBytes(PACKET);
const packet = new Uint8Array(PACKET);

function seal(bytes: Uint8Array): { readonly text: Buffer; readonly tag: Buffer } {
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(additional);
  const text = cipher.update(bytes);
  cipher.final();
  return { text, tag: cipher.getAuthTag() };
}

function open(bytes: Uint8Array): void {
  const decipher = createDecipheriv("aes-256-gcm", key, nonce);
  decipher.setAAD(additional);
  decipher.update(bytes);
}

/** Ways to write one packet to a socket. */
const uploads: Record<string, (socket: Socket) => void> = {
  "the same memory, written repeatedly": (socket) => void socket.write(packet),
  "new memory, filled and written": (socket) => void socket.write(payload.slice()),
  "AES-GCM, copied into new memory": (socket) => {
    const slab = new Uint8Array(PACKET + 16);
    const { text, tag } = seal(payload);
    slab.set(text);
    slab.set(tag, PACKET);
    socket.write(slab);
  },
  "AES-GCM, output written without a copy": (socket) => {
    packet.set(payload);
    const { text, tag } = seal(packet);
    socket.write(text);
    socket.write(tag);
  },
};

const nothing = (): void => {};
/** Ways to read and process received bytes. */
const downloads: Record<string, { readonly onread: boolean; readonly take: (bytes: Uint8Array) => void }> = {
  "read into new memory": { onread: false, take: nothing },
  "read into one buffer": { onread: true, take: nothing },
  "read into one buffer, copied, AES-GCM": {
    onread: true,
    take: (bytes) => {
      for (let at = 0; at < bytes.length; at += PACKET) {
        const part = bytes.subarray(at, at + PACKET);
        packet.set(part);
        open(packet.subarray(0, part.length));
      }
    },
  },
};

if (process.argv[2] === "child") {
  // Reads all data. Sends without end to a client that requests it.
  const server = createServer((socket) => {
    socket.on("error", nothing);
    socket.on("data", (chunk) => {
      if (chunk.toString("latin1", 0, 4) !== "send") return;
      const more = (): void => {
        while (socket.writable && socket.write(payload));
      };
      socket.on("drain", more);
      more();
    });
  });
  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
} else {
  const child = fork(fileURLToPath(import.meta.url), ["child"]);
  const [port] = (await once(child, "message")) as [number];
  const results = new Map<string, number[]>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, write] of Object.entries(uploads)) note(`up: ${name}`, await upload(port, write));
    for (const [name, how] of Object.entries(downloads)) note(`down: ${name}`, await download(port, how));
  }
  for (const [name, all] of results) {
    console.log(
      `${Math.min(...all)
        .toFixed(1)
        .padStart(6)} ${median(all).toFixed(1).padStart(6)} µs  ${name}`,
    );
  }
  child.kill();

  function note(name: string, value: number): void {
    results.set(name, [...(results.get(name) ?? []), value]);
  }
}

async function upload(port: number, write: (socket: Socket) => void): Promise<number> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  const cpu = process.cpuUsage();
  for (let burst = 0; burst < BURSTS; burst++) {
    socket.cork();
    for (let i = 0; i < BURST; i++) write(socket);
    socket.uncork();
    if (socket.writableNeedDrain) await once(socket, "drain");
  }
  const cost = perPacket(cpu);
  socket.destroy();
  return cost;
}

async function download(port: number, { onread, take }: (typeof downloads)[string]): Promise<number> {
  const buffer = new Uint8Array(64 * 1024);
  let left = BURSTS * BURST * PACKET;
  let done = nothing;
  const all = new Promise<void>((resolve) => {
    done = resolve;
  });
  const received = (bytes: Uint8Array): boolean => {
    if (left > 0) take(bytes);
    left -= bytes.length;
    if (left <= 0) done();
    return left > 0;
  };
  const callback = (length: number): boolean => received(buffer.subarray(0, length));
  const socket = connect({ host: "127.0.0.1", port, ...(onread && { onread: { buffer, callback } }) });
  socket.on("error", nothing);
  if (!onread) socket.on("data", received);
  await once(socket, "connect");
  const cpu = process.cpuUsage();
  socket.write("send");
  await all;
  const cost = perPacket(cpu);
  socket.destroy();
  return cost;
}

function perPacket(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / (BURSTS * BURST);
}
