// The side of fuzzing that watches: starts the worker, and ends it when an input takes too long or too much memory.

import { Worker } from "node:worker_threads";
import type { Bundle } from "./bundle.ts";
import type { FuzzOptions } from "./loop.ts";
import { inputCount, lastInput, sharedInput } from "./shared-input.ts";
import type { Finding, Summary } from "./target.ts";
import type { Order } from "./worker.ts";

const LOOK_EVERY = 100;

/** What one input may cost. */
export interface Bounds {
  /** Milliseconds, by the clock and of a processor: other programs may keep this one waiting. */
  readonly time: number;
  /** Bytes that the process may grow by while the target is fuzzed. */
  readonly memory: number;
}

/** Far more than any input should take, on a machine that is busy with other things. */
export const DEFAULT_BOUNDS: Bounds = { time: 20_000, memory: 768 * 1024 * 1024 };

/** Fuzzes one target of the bundle in a worker. Rejects when the worker itself fails. */
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
        give(`it took more than ${bounds.time} ms`);
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
      if (error.code === "ERR_WORKER_OUT_OF_MEMORY") return give("it took more memory than there is");
      if (inputCount(shared) > 0) return give(`nobody caught ${error.stack ?? error.message}`);
      settle();
      reject(error);
    });
    worker.on("exit", (status) => {
      settle();
      reject(new Error(`the worker of ${target} ended with ${status} before it was done`));
    });
  });
}

function times(): { readonly clock: number; readonly processor: number } {
  const { user, system } = process.cpuUsage();
  return { clock: performance.now(), processor: (user + system) / 1000 };
}
