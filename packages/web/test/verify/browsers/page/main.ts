// Entry point of the page's script: lets the test's browser driver call the functions by name. The same script runs in workers.
import * as functions from "./functions.ts";

/** Result of a call, as JSON. Browser drivers pass on only the message of an error, but tests check its code. */
export type CallResult =
  | { readonly value: unknown }
  | { readonly error: { readonly code?: string; readonly message: string } };

const FUNCTIONS: Readonly<Record<string, (...args: never[]) => Promise<unknown>>> = { ...functions };

async function callInPage(name: string, args: string): Promise<string> {
  let result: CallResult;
  try {
    result = { value: await FUNCTIONS[name]!(...(JSON.parse(args) as never[])) };
  } catch (error) {
    const { code, message = String(error) } = error as { readonly code?: string; readonly message?: string };
    result = { error: { ...(code !== undefined && { code }), message } };
  }
  return JSON.stringify(result);
}

/** Calls a function as `callInPage` does, but in a new worker, which is terminated afterwards. */
async function callInWorker(name: string, args: string): Promise<string> {
  const worker = new Worker(import.meta.url, { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<string>) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage([name, args], { transfer: [] });
    });
  } finally {
    worker.terminate();
  }
}

if (typeof document === "object") Object.assign(globalThis, { callInPage, callInWorker });
else
  globalThis.onmessage = async ({ data: [name, args] }: MessageEvent<readonly [string, string]>) =>
    globalThis.postMessage(await callInPage(name, args), { transfer: [] });
