/** A process at the far end of a path: it serves plain TCP, and SSH with our own server. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { hostKeyFile, listen, type NodeSession, nodeAlgorithms, nodeServerAlgorithms } from "@nacre/node";
import { payload } from "./payload.ts";
import type { ServeResult, ServeTask } from "./tasks.ts";
import { work } from "./worker.ts";

work((task) => (task.kind === "serve" ? serve(task) : Promise.reject(new Error("no task for the far end"))));

async function serve(task: ServeTask): Promise<ServeResult> {
  const tcp = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    answer(socket).catch(() => socket.destroy());
  });
  tcp.listen(task.tcpPort, task.host);
  await once(tcp, "listening");

  const hostKey = await hostKeyFile(task.hostKeyFile);
  const user = Buffer.from(task.userKey.split(" ")[1] ?? "", "base64");
  await listen({
    host: task.host,
    port: task.sshPort,
    hostKeys: [hostKey],
    // Those that a client's suite may name beside the default ones.
    algorithms: { ...nodeServerAlgorithms, macs: nodeAlgorithms.macs },
    authenticate: (login) => login.method === "publickey" && user.equals(login.publicKey),
    // All connections come from one address.
    perSource: false,
    session: run,
  });
  return true;
}

/** Plain TCP: one line says what is wanted. */
async function answer(socket: Socket): Promise<void> {
  const [first] = (await once(socket, "data")) as [Buffer];
  socket.pause();
  const line = first.subarray(0, first.indexOf(10)).toString("latin1");
  const rest = first.subarray(first.indexOf(10) + 1);
  if (rest.length > 0) socket.unshift(rest);
  const bytes = /^send (\d+)$/.exec(line)?.[1];
  if (bytes === undefined) await receive(socket, socket, line === "digest");
  else await send(socket, Number(bytes));
  socket.end();
}

/** SSH: what the benchmark runs on OpenSSH's server, without a shell. */
async function run({ command = "", stdin, stdout }: NodeSession): Promise<number> {
  const bytes = /^head -c (\d+) payload$/.exec(command)?.[1];
  if (bytes !== undefined) await send(stdout, Number(bytes));
  else if (command === "sha256sum" || command === "wc -c") await receive(stdin, stdout, command === "sha256sum");
  else if (command === "echo ok") stdout.write("ok\n");
  else if (command !== "true") return 127;
  return 0;
}

async function send(output: Writable, bytes: number): Promise<void> {
  for (const piece of payload(bytes)) if (!output.write(piece)) await once(output, "drain");
}

async function receive(input: Readable, output: Writable, digest: boolean): Promise<void> {
  const hash = digest ? createHash("sha256") : undefined;
  let count = 0;
  input.on("data", (chunk: Uint8Array) => {
    count += chunk.length;
    hash?.update(chunk);
  });
  // A socket whose first line was read is paused.
  input.resume();
  await once(input, "end");
  output.write(`${hash?.digest("hex") ?? count}\n`);
}
