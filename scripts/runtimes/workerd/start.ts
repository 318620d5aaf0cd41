import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** A running workerd with the worker of the tests. */
export interface RunningWorker {
  /** URL that the worker answers at. */
  readonly url: string;
  /** Ends workerd, and resolves when it has ended. */
  stop(): Promise<void>;
}

/** workerd's configuration. The service `internet` opens the worker's TCP connections; by default it refuses loopback addresses. */
const CONFIG = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["private"]))
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "2025-01-01"
);
`;

/** Bundles the worker into a folder, and starts workerd with it. Throws if workerd ends before it listens. */
export async function startWorker(workerd: string, folder: string): Promise<RunningWorker> {
  await build({
    entryPoints: [fileURLToPath(new URL("worker.ts", import.meta.url))],
    outfile: join(folder, "worker.js"),
    bundle: true,
    format: "esm",
    target: "es2022",
    conditions: ["@nacre/source"],
    external: ["cloudflare:sockets"],
    logLevel: "error",
  });
  const config = join(folder, "config.capnp");
  await writeFile(config, CONFIG);
  // workerd writes the port that it chose to the file descriptor 3.
  const child = spawn(workerd, ["serve", "--control-fd=3", config], { stdio: ["ignore", "pipe", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream!.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(child, "exit");
  const port = await Promise.race([
    listeningPort(child.stdio[3] as Readable),
    exited.then(() => Promise.reject(new Error(`workerd ended before it listened: ${output}`))),
  ]);
  return {
    url: `http://127.0.0.1:${port}/`,
    stop: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

async function listeningPort(control: Readable): Promise<number> {
  let text = "";
  for await (const chunk of control) {
    text += String(chunk);
    const line = text.split("\n").find((one) => one.includes('"listen"'));
    if (line !== undefined && text.includes("\n")) return (JSON.parse(line) as { readonly port: number }).port;
  }
  throw new Error(`workerd reported no port: ${text}`);
}
