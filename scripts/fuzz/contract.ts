// What every decoder owes to whatever it is given: a value, or an error that blames somebody else, in words that are safe to show.

import { isDeepStrictEqual } from "node:util";
import { SshError } from "@nacre/wire";

/** A contract that was not kept. */
export class Broken extends Error {
  override readonly name = "Broken";
}

/** What `action` returns, or `undefined` where it refuses in good form. Throws what a decoder must not throw. */
export function attempt<T>(action: () => T): T | undefined {
  return outcome(action).value;
}

/** The same with the error's code, to compare with how another way of doing the same ended. */
export function outcome<T>(action: () => T): { readonly value?: T; readonly code?: string } {
  try {
    return { value: action() };
  } catch (error) {
    expectRefusal(error);
    return { code: error.code };
  }
}

/** Must be an error that names somebody else as its culprit, with a message that is safe to show. */
export function expectRefusal(error: unknown): asserts error is SshError {
  if (!(error instanceof SshError) || error.culprit === "bug") throw error;
  expectSafe(error.message);
}

/** Text for people must hold nothing that a terminal would obey. */
export function expectSafe(text: string): void {
  const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.exec(text)?.[0];
  if (unsafe !== undefined) throw new Broken(`a message holds U+${unsafe.codePointAt(0)!.toString(16)}: ${text}`);
}

export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Broken(`${what}: ${show(actual)} where ${show(expected)} should be`);
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
