// Runs the code under test in a worker thread, as it may hang or use up all memory.

import { parentPort, workerData } from "node:worker_threads";
import { type FuzzOptions, fuzz, type Program } from "./loop.ts";
import { noteInput } from "./shared-input.ts";
import type { Target } from "./target.ts";

/** Task of a worker. */
export interface Order {
  readonly target: string;
  readonly program: Program;
  readonly options: FuzzOptions;
  /** Shared memory with the input that is running. */
  readonly shared: SharedArrayBuffer;
}

/** Fuzzes the target of the order, and posts the summary to the parent. */
export async function serve(targets: readonly Target[]): Promise<void> {
  const order = workerData as Order;
  const target = targets.find(({ name }) => name === order.target);
  if (target === undefined) throw new Error(`unknown target ${order.target}`);
  const summary = await fuzz(target, order.program, order.options, (input) => noteInput(order.shared, input));
  parentPort!.postMessage(summary, []);
}
