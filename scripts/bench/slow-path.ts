import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Somewhere to run: the path of a network namespace, and an address in it. */
export interface Place {
  readonly namespace: string;
  readonly address: string;
}

export interface PathOptions {
  /** Bits a second, each way. */
  readonly bitsPerSecond: number;
  /** Milliseconds each way. */
  readonly holdMs: number;
  /** Bytes that may wait to leave, each way; what comes beyond them is dropped. */
  readonly queueBytes: number;
}

/** A long path between two network namespaces of its own. */
export interface SlowPath {
  readonly near: Place;
  readonly far: Place;
  /** Ends it, with its namespaces. It ends with this process as well, however that ends. */
  close(): Promise<void>;
}

const program = fileURLToPath(new URL("slow-path.py", import.meta.url));
const READY = /^ready (\d+) (\d+) (\d+)\n/;

/**
 * Makes one, with slow-path.py. It needs Linux, root, /dev/net/tun, `python3` and `nsenter`.
 *
 * @throws when it cannot be made, with what was said.
 */
export async function startSlowPath({ bitsPerSecond, holdMs, queueBytes }: PathOptions): Promise<SlowPath> {
  const addresses = ["10.200.0.1", "10.200.0.2"] as const;
  const numbers = [bitsPerSecond, holdMs, queueBytes].map(String);
  // A process group of its own: an interrupt is for this process, and the path ends after its users.
  const child = spawn("python3", [program, ...numbers, ...addresses], { stdio: "pipe", detached: true });
  const ended = once(child, "close").catch(() => {});
  let said = "";
  const [, pid, near, far] = await new Promise<RegExpExecArray>((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      reject(new Error(`no long path can be made: ${why}; slow-path.py said ${JSON.stringify(said)}`));
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
