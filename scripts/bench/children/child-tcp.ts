/** A process with a plain TCP client of `plain-server.ts`: the reference for a path, and the client of tunnels. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { payload } from "../bulk/payload.ts";
import { stopwatch } from "../measure/measured-client.ts";
import { printedBy, type Task, type TransferResult } from "../tasks.ts";
import { PlainConnection } from "../tunnel/plain-connection.ts";
import type { PlainTransferTask, Route, VisitsResult, VisitTask } from "../tunnel/tunnel-tasks.ts";
import { work } from "./worker.ts";

/** Number of bytes that the server sends back on each connection. */
const VISIT_BYTES = 16;

work((task: Task) => {
  if (task.kind === "plain-transfer") return transfer(task);
  if (task.kind === "visit") return visit(task);
  // The tasks of the `path` case, the same as for SSH clients.
  if (task.kind === "download" || task.kind === "upload")
    return transfer({ ...task, kind: "plain-transfer", direction: task.kind, route: { at: task.target } });
  return Promise.reject(new Error(`unexpected task ${task.kind}`));
});

async function transfer({ direction, route, bytes, digest }: PlainTransferTask): Promise<TransferResult> {
  const connection = await PlainConnection.open(route);
  const lap = stopwatch();
  const result = await (direction === "download" ? download : upload)(connection, bytes, digest);
  connection.socket.destroy();
  return { ...lap(), ...result, peakMiB: process.resourceUsage().maxRSS / 1024 };
}

type Arrived = Pick<TransferResult, "bytes" | "sha256">;

async function download(connection: PlainConnection, bytes: number, digest: boolean): Promise<Arrived> {
  const hash = digest ? createHash("sha256") : undefined;
  let received = 0;
  connection.socket.write(`send ${bytes}\n`);
  await connection.read((chunk) => {
    received += chunk.length;
    hash?.update(chunk);
  });
  return { bytes: received, sha256: hash?.digest("hex") };
}

async function upload(connection: PlainConnection, bytes: number, digest: boolean): Promise<Arrived> {
  const { socket } = connection;
  let printed = "";
  const ended = connection.read((chunk) => {
    printed += chunk.toString("latin1");
  });
  socket.write(`${digest ? "digest" : "count"} ${bytes}\n`);
  for (const piece of payload(bytes)) if (!socket.write(piece)) await once(socket, "drain");
  await ended;
  return printedBy(printed, digest);
}

/** Makes connections, `atOnce` at a time. Each sends a line, reads the reply and closes. */
async function visit({ route, count, atOnce }: VisitTask): Promise<VisitsResult> {
  const lap = stopwatch();
  let left = count;
  const visitor = async (): Promise<void> => {
    while (left-- > 0) await visitOnce(route);
  };
  await Promise.all(Array.from({ length: atOnce }, visitor));
  return { seconds: lap().seconds };
}

async function visitOnce(route: Route): Promise<void> {
  const connection = await PlainConnection.open(route);
  const closed = once(connection.socket, "close");
  const { bytes } = await download(connection, VISIT_BYTES, false);
  if (bytes !== VISIT_BYTES) throw new Error(`expected ${VISIT_BYTES} bytes from the target, got ${bytes}`);
  connection.socket.destroy();
  await closed;
}
