import type * as functions from "../page/functions.ts";
import type { CallResult } from "../page/main.ts";

type Functions = typeof functions;

/** Error that a function of the page threw. */
export class PageError extends Error {
  /** Code of an `SshError`. */
  readonly code: string | undefined;

  constructor({ code, message }: { readonly code?: string; readonly message: string }) {
    super(message);
    this.code = code;
  }
}

/** An open page of a {@link Site}. */
export interface TestPage {
  /** Calls a function of `page/functions.ts` in the page. Rejects with a `PageError` if it rejects. */
  call<N extends keyof Functions>(
    name: N,
    ...args: Parameters<Functions[N]>
  ): Promise<Awaited<ReturnType<Functions[N]>>>;
  reload(): Promise<void>;
}

/** A running browser. */
export interface TestBrowser {
  /** Opens a page without stored data, closed after the test. */
  open(url: string): Promise<TestPage>;
  /** Ends the browser. Resolves when its processes have ended. */
  close(): Promise<void>;
}

/** Returns a page whose functions are called by `evaluate`, which passes JSON to `callInPage` in the page. */
export function testPage(
  evaluate: (name: string, args: string) => Promise<string>,
  reload: () => Promise<void>,
): TestPage {
  const call = async <N extends keyof Functions>(
    name: N,
    ...args: Parameters<Functions[N]>
  ): Promise<Awaited<ReturnType<Functions[N]>>> => {
    const result = JSON.parse(await evaluate(name, JSON.stringify(args))) as CallResult;
    if ("error" in result) throw new PageError(result.error);
    return result.value as Awaited<ReturnType<Functions[N]>>;
  };
  return { call, reload };
}
