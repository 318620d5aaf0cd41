import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Writable } from "node:stream";
import { payload } from "../bulk/payload.ts";
import type { Address } from "./tunnel-tasks.ts";

/**
 * Serves plain TCP. The first line of a connection is a command. On `send BYTES` the server sends so many bytes of the payload. On
 * `count BYTES` or `digest BYTES` it reads so many bytes after the line, and replies with their number or SHA-256. Then it ends the
 * connection. A client that uploads need not end its side, as not every tunnel supports half-close.
 */
export async function servePlain(host: string, port: number): Promise<Address> {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    answer(socket).catch(() => socket.destroy());
  });
  server.listen(port, host);
  await once(server, "listening");
  return { host, port: (server.address() as AddressInfo).port };
}

/** Writes the payload to a socket or a command's output. */
export async function send(output: Writable, bytes: number): Promise<void> {
  for (const piece of payload(bytes)) if (!output.write(piece)) await once(output, "drain");
}

async function answer(socket: Socket): Promise<void> {
  const [first] = (await once(socket, "data", { signal: endOf(socket) })) as [Buffer];
  socket.pause();
  const end = first.indexOf(10);
  const [verb, bytes] = first.subarray(0, end).toString("latin1").split(" ");
  if (verb === "send") {
    // Keeps reading, so that the client's EOF is noticed.
    socket.resume();
    await send(socket, Number(bytes));
  } else {
    socket.unshift(first.subarray(end + 1));
    socket.write(`${await receive(socket, Number(bytes), verb === "digest")}\n`);
  }
  socket.end();
}

/** Returns a signal that aborts when a connection ends before its first line. */
function endOf(socket: Socket): AbortSignal {
  const ended = new AbortController();
  socket.once("end", () => ended.abort());
  return ended.signal;
}

/** Reads `bytes` bytes, or up to the end. Resolves with their number, or with their SHA-256 if `digest` is set. */
async function receive(socket: Socket, bytes: number, digest: boolean): Promise<string> {
  const hash = digest ? createHash("sha256") : undefined;
  let count = 0;
  await new Promise<void>((resolve) => {
    socket.on("data", (chunk: Buffer) => {
      count += chunk.length;
      hash?.update(chunk);
      if (count >= bytes) resolve();
    });
    socket.once("end", resolve);
    socket.resume();
  });
  return hash?.digest("hex") ?? String(count);
}
