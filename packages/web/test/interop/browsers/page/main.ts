// Entry point of the page's script: lets the test's browser driver call the functions by name.
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

Object.assign(globalThis, { callInPage });
