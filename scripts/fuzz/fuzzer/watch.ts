// Watches the fuzzing worker: starts it, and terminates it if an input takes too much time or memory.

import { Worker } from "node:worker_threads";
import type { Bundle } from "./bundle.ts";
import type { FuzzOptions } from "./loop.ts";
import { inputCount, lastInput, sharedInput } from "./shared-input.ts";
import type { Finding, Summary } from "./target.ts";
import type { Order } from "./worker.ts";

const LOOK_EVERY = 100;

/** Limits for one input. */
export interface Bounds {
  /** Milliseconds of both wall time and CPU time, as other programs may keep this process waiting. */
  readonly time: number;
  /** Maximum growth of the process in bytes while the target is fuzzed. */
  readonly memory: number;
}

/** Default limits, far above the normal cost of an input on a busy machine. */
export const DEFAULT_BOUNDS: Bounds = { time: 20_000, memory: 768 * 1024 * 1024 };

/** Fuzzes one target of the bundle in a worker. Rejects if the worker itself fails. */
export function watch(
  { file, blocks, words }: Bundle,
  target: string,
  options: FuzzOptions,
  bounds: Bounds = DEFAULT_BOUNDS,
): Promise<Summary> {
  const shared = sharedInput();
  const order: Order = { target, program: { blocks, words }, options, shared };
  const began = performance.now();
  const memoryBefore = process.memoryUsage.rss();
  const worker = new Worker(file, {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: Math.ceil(bounds.memory / 2 ** 20) },
    execArgv: ["--enable-source-maps"],
  });
  return new Promise((resolve, reject) => {
    let count = 0;
    let since = times();
    const timer = setInterval(() => {
      const now = times();
      if (inputCount(shared) !== count) [count, since] = [inputCount(shared), now];
      else if (count > 0 && Math.min(now.clock - since.clock, now.processor - since.processor) > bounds.time)
        give(`the input took more than ${bounds.time} ms`);
      if (process.memoryUsage.rss() - memoryBefore > bounds.memory)
        give(`memory grew by more than ${bounds.memory} bytes`);
    }, LOOK_EVERY);
    const settle = (): void => {
      clearInterval(timer);
      void worker.terminate();
    };
    const give = (problem: string): void => {
      const finding: Finding = { target, input: lastInput(shared), problem };
      settle();
      resolve({
        target,
        executions: inputCount(shared),
        milliseconds: performance.now() - began,
        covered: 0,
        corpus: options.seeds,
        finding,
      });
    };
    worker.on("message", (summary: Summary) => {
      settle();
      resolve(summary);
    });
    worker.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ERR_WORKER_OUT_OF_MEMORY") return give("the worker ran out of memory");
      if (inputCount(shared) > 0) return give(`uncaught exception: ${error.stack ?? error.message}`);
      settle();
      reject(error);
    });
    worker.on("exit", (status) => {
      settle();
      reject(new Error(`the worker of ${target} exited early with status ${status}`));
    });
  });
}

function times(): { readonly clock: number; readonly processor: number } {
  const { user, system } = process.cpuUsage();
  return { clock: performance.now(), processor: (user + system) / 1000 };
}
