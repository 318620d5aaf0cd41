import { expect, onTestFinished } from "vitest";

/** What matches an `SshError` of this code. */
export const code = (expected: string): unknown => expect.objectContaining({ name: "SshError", code: expected });

/** The error with which it fails, or what it comes to. */
export async function failure(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    return error;
  }
}

/** All that a stream gives. */
export function text(stream: ReadableStream<Uint8Array>): Promise<string> {
  return new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).text();
}

/** What nobody catches during this test, in place of what the runner does about it. */
export function uncaught(): unknown[] {
  const heard: unknown[] = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => heard.push(error));
  onTestFinished(() => {
    process.removeAllListeners("uncaughtException");
    for (const listener of listeners) process.on("uncaughtException", listener);
  });
  return heard;
}
