/** A process with plain TCP as client of child-far: the speed of a path without SSH. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { stopwatch } from "./measured-client.ts";
import { payload } from "./payload.ts";
import { printedBy, type TransferResult, type TransferTask } from "./tasks.ts";
import { work } from "./worker.ts";

work((task) => {
  if (task.kind === "download" || task.kind === "upload") return transfer(task);
  return Promise.reject(new Error("no task for plain TCP"));
});

async function transfer({ kind, target, bytes, digest }: TransferTask): Promise<TransferResult> {
  const socket = connect({ host: target.host, port: target.port, noDelay: true });
  await once(socket, "connect");
  const lap = stopwatch();
  const result = kind === "download" ? await download(socket, bytes, digest) : await upload(socket, bytes, digest);
  return { ...lap(), ...result, peakMiB: process.resourceUsage().maxRSS / 1024 };
}

type Arrived = Pick<TransferResult, "bytes" | "sha256">;

async function download(socket: Socket, bytes: number, digest: boolean): Promise<Arrived> {
  const hash = digest ? createHash("sha256") : undefined;
  let received = 0;
  socket.on("data", (chunk) => {
    received += chunk.length;
    hash?.update(chunk);
  });
  socket.write(`send ${bytes}\n`);
  await once(socket, "end");
  return { bytes: received, sha256: hash?.digest("hex") };
}

async function upload(socket: Socket, bytes: number, digest: boolean): Promise<Arrived> {
  let printed = "";
  socket.on("data", (chunk) => {
    printed += chunk.toString("latin1");
  });
  const ended = once(socket, "end");
  socket.write(digest ? "digest\n" : "count\n");
  for (const piece of payload(bytes)) if (!socket.write(piece)) await once(socket, "drain");
  socket.end();
  await ended;
  return printedBy(printed, digest);
}
