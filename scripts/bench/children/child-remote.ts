/** A process at the remote end of a path with a plain TCP server and Nacre's SSH server. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { hostKeyFile, listen, type NodeSession, nodeAlgorithms, nodeServerAlgorithms } from "@nacre/node";
import type { ServeResult, ServeTask } from "../tasks.ts";
import { send, servePlain } from "../tunnel/plain-server.ts";
import { work } from "./worker.ts";

work((task) => (task.kind === "serve" ? serve(task) : Promise.reject(new Error(`unexpected task ${task.kind}`))));

async function serve(task: ServeTask): Promise<ServeResult> {
  await servePlain(task.host, task.tcpPort);

  const hostKey = await hostKeyFile(task.hostKeyFile);
  const user = Buffer.from(task.userKey.split(" ")[1] ?? "", "base64");
  await listen({
    host: task.host,
    port: task.sshPort,
    hostKeys: [hostKey],
    // Includes MACs that are not in the server's defaults but that a client's suite may name.
    algorithms: { ...nodeServerAlgorithms, macs: nodeAlgorithms.macs },
    authenticate: (login) => login.method === "publickey" && user.equals(login.publicKey),
    // Without this, the limits per source would apply: all connections come from one address.
    perSource: false,
    session: run,
  });
  return true;
}

/** Runs the commands that the benchmark uses on OpenSSH's server, without a shell. */
async function run({ command = "", stdin, stdout }: NodeSession): Promise<number> {
  const bytes = /^head -c (\d+) payload$/.exec(command)?.[1];
  if (bytes !== undefined) await send(stdout, Number(bytes));
  else if (command === "sha256sum" || command === "wc -c") await receive(stdin, stdout, command === "sha256sum");
  else if (command === "echo ok") stdout.write("ok\n");
  else if (command !== "true") return 127;
  return 0;
}

async function receive(input: Readable, output: Writable, digest: boolean): Promise<void> {
  const hash = digest ? createHash("sha256") : undefined;
  let count = 0;
  input.on("data", (chunk: Uint8Array) => {
    count += chunk.length;
    hash?.update(chunk);
  });
  await once(input, "end");
  output.write(`${hash?.digest("hex") ?? count}\n`);
}
