import { concatBytes, utf8DecodeLossy } from "@nacre/wire";
import { expect, onTestFinished } from "vitest";

/** Returns a matcher for an `SshError` with this code. */
export const code = (expected: string): unknown => expect.objectContaining({ name: "SshError", code: expected });

/** Resolves with the error of a rejected promise, or with its value. */
export async function failure(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    return error;
  }
}

/** Reads a stream to its end and returns its text. */
export async function text(stream: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  // Not `new Response(stream).text()`: in browsers its error is not the stream's.
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return utf8DecodeLossy(concatBytes(...chunks));
    chunks.push(value);
  }
}

/** Collects uncaught exceptions during this test, so that the test runner does not fail on them. */
export function uncaught(): unknown[] {
  return typeof process === "undefined" ? uncaughtInPage() : uncaughtInProcess();
}

function uncaughtInProcess(): unknown[] {
  const caught: unknown[] = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => caught.push(error));
  onTestFinished(() => {
    process.removeAllListeners("uncaughtException");
    for (const listener of listeners) process.on("uncaughtException", listener);
  });
  return caught;
}

/** Capturing listeners run before those of the test runner. */
function uncaughtInPage(): unknown[] {
  const caught: unknown[] = [];
  const onError = (event: ErrorEvent): void => {
    event.preventDefault();
    event.stopImmediatePropagation();
    caught.push(event.error);
  };
  globalThis.addEventListener("error", onError, { capture: true });
  onTestFinished(() => globalThis.removeEventListener("error", onError, { capture: true }));
  return caught;
}
