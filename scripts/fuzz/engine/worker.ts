// The side of fuzzing that runs the code under test: in a thread of its own, since that may hang or use up all memory.

import { parentPort, workerData } from "node:worker_threads";
import { type FuzzOptions, fuzz, type Program } from "./loop.ts";
import { noteInput } from "./shared-input.ts";
import type { Target } from "./target.ts";

/** What a worker is asked to do. */
export interface Order {
  readonly target: string;
  readonly program: Program;
  readonly options: FuzzOptions;
  /** Where the input that is being run can be read while it is. */
  readonly shared: SharedArrayBuffer;
}

/** Carries out the order, and tells the summary. */
export async function serve(targets: readonly Target[]): Promise<void> {
  const order = workerData as Order;
  const target = targets.find(({ name }) => name === order.target);
  if (target === undefined) throw new Error(`there is no target ${order.target}`);
  const summary = await fuzz(target, order.program, order.options, (input) => noteInput(order.shared, input));
  parentPort!.postMessage(summary, []);
}
