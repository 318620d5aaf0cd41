// The contract of every decoder: for any input it returns a value or throws an `SshError`. The error's culprit must not be `bug`, and its
// message must be safe to print.

import { isDeepStrictEqual } from "node:util";
import { SshError } from "@nacre/wire";

/** Thrown when code under test breaks its contract. */
export class Broken extends Error {
  override readonly name = "Broken";
}

/** Returns the result of `action`, or `undefined` if it throws an allowed error. Rethrows any other error. */
export function attempt<T>(action: () => T): T | undefined {
  return outcome(action).value;
}

/** Returns the result of `action`, or the code of an allowed error, for comparison with another implementation. */
export function outcome<T>(action: () => T): { readonly value?: T; readonly code?: string } {
  try {
    return { value: action() };
  } catch (error) {
    expectRefusal(error);
    return { code: error.code };
  }
}

/** Asserts that an error is an `SshError` with a culprit other than `bug` and a message that is safe to print. */
export function expectRefusal(error: unknown): asserts error is SshError {
  if (!(error instanceof SshError) || error.culprit === "bug") throw error;
  expectSafe(error.message);
}

/** Asserts that a text has no control or formatting characters, which could control a terminal. */
export function expectSafe(text: string): void {
  const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.exec(text)?.[0];
  if (unsafe !== undefined) throw new Broken(`text contains U+${unsafe.codePointAt(0)!.toString(16)}: ${text}`);
}

export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Broken(`${what}: expected ${show(expected)}, got ${show(actual)}`);
}

export function expectTrue(holds: boolean, what: string): void {
  if (!holds) throw new Broken(what);
}

function show(value: unknown): string {
  const text = JSON.stringify(value, (_, one: unknown) =>
    typeof one === "bigint" ? `${one}n` : one instanceof Uint8Array ? Buffer.from(one).toString("hex") : one,
  );
  return text === undefined ? "undefined" : text.slice(0, 400);
}
