import { LONGEST_INPUT } from "./loop.ts";

const HEADER = 8;

/** Returns shared memory for one input, used by two threads: a counter of inputs, a length, and the bytes. */
export function sharedInput(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER + LONGEST_INPUT);
}

/** Records the next input before it runs. A seed longer than the maximum length is truncated. */
export function noteInput(shared: SharedArrayBuffer, input: Uint8Array): void {
  const [header, bytes] = [new Int32Array(shared, 0, 2), new Uint8Array(shared, HEADER)];
  const length = Math.min(input.length, bytes.length);
  bytes.set(input.subarray(0, length));
  Atomics.store(header, 1, length);
  Atomics.add(header, 0, 1);
}

/** Returns the number of inputs started so far. */
export function inputCount(shared: SharedArrayBuffer): number {
  return Atomics.load(new Int32Array(shared, 0, 2), 0);
}

/** Returns the input that was started last. */
export function lastInput(shared: SharedArrayBuffer): Uint8Array {
  return new Uint8Array(shared, HEADER, Atomics.load(new Int32Array(shared, 0, 2), 1)).slice();
}
