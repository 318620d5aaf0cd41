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

/** Calls a function of `page/functions.ts`. Rejects with a `PageError` if it rejects. */
type Call = <N extends keyof Functions>(
  name: N,
  ...args: Parameters<Functions[N]>
) => Promise<Awaited<ReturnType<Functions[N]>>>;

/** Function of `page/main.ts` for browser drivers. Its arguments and its result are JSON. */
export type Entry = "callInPage" | "callInWorker";

/** An open page of a {@link Site}. */
export interface TestPage {
  /** Calls a function in the page. */
  readonly call: Call;
  /** Calls a function in a worker of the page. */
  readonly callInWorker: Call;
  reload(): Promise<void>;
}

/** A running browser. */
export interface TestBrowser {
  /** Opens a page without stored data, closed after the test. */
  open(url: string): Promise<TestPage>;
  /** Ends the browser. Resolves when its processes have ended. */
  close(): Promise<void>;
}

/** Returns a page that `evaluate` calls functions of. */
export function testPage(
  evaluate: (entry: Entry, name: string, args: string) => Promise<string>,
  reload: () => Promise<void>,
): TestPage {
  const callThrough =
    (entry: Entry): Call =>
    async (name, ...args) => {
      const result = JSON.parse(await evaluate(entry, name, JSON.stringify(args))) as CallResult;
      if ("error" in result) throw new PageError(result.error);
      return result.value as never;
    };
  return { call: callThrough("callInPage"), callInWorker: callThrough("callInWorker"), reload };
}
