import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A network namespace, as a path, with an address in it. */
export interface Place {
  readonly namespace: string;
  readonly address: string;
}

export interface PathOptions {
  /** Bandwidth of each direction in bits per second. */
  readonly bitsPerSecond: number;
  /** Latency of each direction in milliseconds. */
  readonly holdMs: number;
  /** Queue of each direction in bytes. Packets beyond it are dropped. */
  readonly queueBytes: number;
}

/** A network path with latency between two new network namespaces. */
export interface SlowPath {
  readonly near: Place;
  readonly far: Place;
  /** Removes the path and its namespaces. They are also removed when this process exits or is killed. */
  close(): Promise<void>;
}

const program = fileURLToPath(new URL("slow-path.py", import.meta.url));
const READY = /^ready (\d+) (\d+) (\d+)\n/;

/**
 * Creates a network path with slow-path.py. Needs Linux, root, /dev/net/tun, `python3` and `nsenter`.
 *
 * @throws if the path cannot be created, with the output of slow-path.py.
 */
export async function startSlowPath({ bitsPerSecond, holdMs, queueBytes }: PathOptions): Promise<SlowPath> {
  const addresses = ["10.200.0.1", "10.200.0.2"] as const;
  const numbers = [bitsPerSecond, holdMs, queueBytes].map(String);
  // A process group of its own keeps Ctrl-C from it, so that the path ends after its users.
  const child = spawn("python3", [program, ...numbers, ...addresses], { stdio: "pipe", detached: true });
  const ended = once(child, "close").catch(() => {});
  let said = "";
  const [, pid, near, far] = await new Promise<RegExpExecArray>((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      reject(new Error(`cannot create the network path: ${why}; slow-path.py printed ${JSON.stringify(said)}`));
    };
    const timer = setTimeout(() => fail("not ready within 10 s"), 10_000);
    const listen = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-2000);
      const ready = READY.exec(said);
      if (ready === null) return;
      clearTimeout(timer);
      resolve(ready);
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.on("error", (error) => fail(error.message));
    child.on("close", (status) => fail(`ended with status ${status}`));
  });
  return {
    near: { namespace: `/proc/${pid}/fd/${near}`, address: addresses[0] },
    far: { namespace: `/proc/${pid}/fd/${far}`, address: addresses[1] },
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
