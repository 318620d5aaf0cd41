import { afterAll, beforeAll } from "vitest";
import type { TestBrowser } from "./test-page.ts";

/** Starts a browser for the tests of a file or a `describe`. */
export function useBrowser<B extends { close(): Promise<void> } = TestBrowser>(
  start: () => Promise<B>,
): { readonly browser: B } {
  let browser: B | undefined;
  beforeAll(async () => {
    browser = await start();
  });
  afterAll(() => browser?.close());
  return {
    get browser() {
      if (browser === undefined) throw new Error("the browser has not started");
      return browser;
    },
  };
}
