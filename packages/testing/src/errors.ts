import { SshError, type SshErrorCode } from "@nacre/wire";
import { expect } from "vitest";

/** Asserts that `run` throws an `SshError` of this code. Returns its message. */
export function expectError(code: SshErrorCode, run: () => unknown): string {
  let thrown: unknown;
  try {
    run();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(SshError);
  const { code: actual, message } = thrown as SshError;
  expect(actual, message).toBe(code);
  return message;
}
