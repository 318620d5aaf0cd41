import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { TerminalOptions } from "../../src/terminal.ts";
import { makeFolder, openTestTerminal, type TestTerminal } from "../support.ts";

/** Time in milliseconds for a step of the page. Generous, because the machine may be busy. */
const STEP_TIMEOUT = 60_000;

/** Starts Chromium from Debian's package. Chromium's sandbox does not work for root. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
}

/** Functions that the tests of the page share. */
export interface PageTools {
  /** The example that the tests of a file share. */
  readonly example: Example;
  /** Opens another example. It is closed after the test. */
  readonly openExample: (options?: Partial<TerminalOptions>) => Promise<Example>;
  /** Opens the page in a new browser context. It is closed after the test. */
  readonly openPage: (example: TestTerminal, options?: BrowserContextOptions) => Promise<Page>;
  /** Script errors and policy violations that pages reported; must be empty at the end of each test. */
  readonly complaints: string[];
}

/** Running example and its folder. */
export interface Example extends TestTerminal {
  readonly home: string;
}

/** Starts Chromium and the example for the tests of a file. */
export function useChromium(): PageTools {
  let browser: Browser;
  const complaints: string[] = [];
  const cleanUp: (() => Promise<void> | void)[] = [];
  const folder = makeFolder();
  let example: Example | undefined;
  beforeAll(async () => {
    browser = await launchChromium();
    example = { ...(await openTestTerminal(folder.path)), home: folder.home };
  });
  afterAll(async () => {
    await browser.close();
    await example?.close();
    folder.remove();
  });
  afterEach(async () => {
    for (const one of cleanUp.splice(0).toReversed()) await one();
    expect(complaints.splice(0)).toEqual([]);
  });
  return {
    complaints,
    get example() {
      if (example === undefined) throw new Error("the example has not started");
      return example;
    },
    async openExample(options = {}) {
      const folder = makeFolder();
      cleanUp.push(() => folder.remove());
      const example = await openTestTerminal(folder.path, options);
      cleanUp.push(() => example.close());
      return { ...example, home: folder.home };
    },
    async openPage(example, options = {}) {
      const context = await browser.newContext(options);
      cleanUp.push(() => context.close());
      return openPageIn(context, example.url, complaints);
    },
  };
}

/** Opens a page, and reports its errors and policy violations to `complaints`. */
export async function openPageIn(context: BrowserContext, url: string, complaints: string[]): Promise<Page> {
  context.setDefaultTimeout(STEP_TIMEOUT);
  const page = await context.newPage();
  page.on("pageerror", ({ message }) => complaints.push(message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
      console.error(`policy violation: ${violatedDirective} ${blockedURI}`),
    );
    // Records every text of the status line, because some states are short.
    const statuses: string[] = [];
    Object.assign(globalThis, { statuses });
    document.addEventListener("DOMContentLoaded", () => {
      const status = document.getElementById("status-text")!;
      new MutationObserver(() => statuses.push(status.textContent)).observe(status, { childList: true });
    });
  });
  await page.goto(url);
  return page;
}

/** Returns all texts that the status line showed. */
export function statusesOf(page: Page): Promise<string[]> {
  return page.evaluate(() => (globalThis as unknown as { readonly statuses: string[] }).statuses);
}

/** Takes back the errors that Chromium itself reports about lost WebSockets. */
export function ignoreLostWebSockets(complaints: string[]): void {
  const others = complaints.splice(0).filter((text) => !text.startsWith("WebSocket connection to"));
  complaints.push(...others);
}

/** Submits the login form with a password. The user name is filled in, and the password field has the focus. */
export async function submitPassword(page: Page, password: string): Promise<void> {
  // While the connection before it closes, the form takes no Enter.
  await page.getByRole("button", { name: "Connect", exact: true, disabled: false }).waitFor();
  await page.locator("#password").fill(password);
  await page.keyboard.press("Enter");
}

/** Logs in with a password, and accepts the unknown host key. */
export async function logIn(page: Page, { ssh }: TestTerminal): Promise<void> {
  await submitPassword(page, ssh.password);
  await page.getByRole("button", { name: "Accept and remember" }).click();
  await connected(page);
}

/** Resolves when the shell shows its prompt. */
export async function connected(page: Page): Promise<void> {
  await page.getByText("Connected to demo@127.0.0.1").waitFor();
  await screenShows(page, "demo@nacre:~$");
}

/** Types a command line into the terminal, which has the focus. */
export async function type(page: Page, line: string): Promise<void> {
  await page.keyboard.type(line);
  await page.keyboard.press("Enter");
}

let started = 0;

/**
 * Types a command line whose last command reads the terminal, and resolves when the shell has left the terminal to it. A line that is typed
 * earlier may reach the command without its end, and Ctrl-C the shell instead of the command.
 */
export async function startReader(page: Page, line: string): Promise<void> {
  started += 1;
  await type(page, `echo st''arted ${started}; ${line}`);
  await screenShows(page, `started ${started}`);
}

/** Resolves when the terminal's rows show this text. */
export async function screenShows(page: Page, text: string): Promise<void> {
  await page.locator(".xterm-rows").filter({ hasText: text }).waitFor();
}
