import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Writable } from "node:stream";
import { payload } from "./payload.ts";
import type { Address } from "./tunnel-tasks.ts";

/**
 * Serves plain TCP. The first line of a connection says what is wanted: `send BYTES` of the payload, or `count BYTES` or `digest BYTES` of what
 * follows the line, which is answered with the number of bytes that arrived or their SHA-256. Then the server ends the connection. A client that
 * uploads need not end its side: not every tunnel keeps half-close.
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
    // A client that only ends its side sends an EOF, which must be read.
    socket.resume();
    await send(socket, Number(bytes));
  } else {
    socket.unshift(first.subarray(end + 1));
    socket.write(`${await receive(socket, Number(bytes), verb === "digest")}\n`);
  }
  socket.end();
}

/** Aborts when a connection ends before its first line. */
function endOf(socket: Socket): AbortSignal {
  const ended = new AbortController();
  socket.once("end", () => ended.abort());
  return ended.signal;
}

/** Resolves with the number or the SHA-256 of the bytes when all have arrived, or no more come. */
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
