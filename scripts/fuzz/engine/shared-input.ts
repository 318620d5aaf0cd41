import { LONGEST_INPUT } from "./loop.ts";

const HEADER = 8;

/** Room for one input that two threads share: a count of inputs, a length, and the bytes. */
export function sharedInput(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER + LONGEST_INPUT);
}

/** The next input begins. A seed that is longer than any input may be is cut. */
export function noteInput(shared: SharedArrayBuffer, input: Uint8Array): void {
  const [header, bytes] = [new Int32Array(shared, 0, 2), new Uint8Array(shared, HEADER)];
  const length = Math.min(input.length, bytes.length);
  bytes.set(input.subarray(0, length));
  Atomics.store(header, 1, length);
  Atomics.add(header, 0, 1);
}

/** How many inputs have begun. */
export function inputCount(shared: SharedArrayBuffer): number {
  return Atomics.load(new Int32Array(shared, 0, 2), 0);
}

/** The input that began last. */
export function lastInput(shared: SharedArrayBuffer): Uint8Array {
  return new Uint8Array(shared, HEADER, Atomics.load(new Int32Array(shared, 0, 2), 1)).slice();
}
