import { type Browser, chromium, type Page } from "playwright";
import { onTestFinished } from "vitest";
import { CHROMIUM } from "../../../../../../scripts/runtimes/browsers/list.ts";
import { type Entry, type TestBrowser, type TestPage, testPage } from "./test-page.ts";

/** Starts Debian's Chromium without a window. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM.program, args: [...CHROMIUM.words] });
}

/** Starts Chromium for tests that run in several browsers. */
export async function startChromium(): Promise<TestBrowser> {
  const browser = await launchChromium();
  return {
    open: async (url) => pageOf(await openPage(browser, url)),
    close: () => browser.close(),
  };
}

/** Opens a page with a profile of its own, closed after the test. */
export async function openPage(browser: Browser, url: string): Promise<Page> {
  const context = await browser.newContext();
  onTestFinished(() => context.close());
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

/** Returns the functions of a page that `openPage` opened. */
export function pageOf(page: Page): TestPage {
  return testPage(
    (entry, name, args) =>
      page.evaluate(
        ([entry, name, args]) =>
          (globalThis as unknown as Record<Entry, (name: string, args: string) => Promise<string>>)[entry](name, args),
        [entry, name, args] as const,
      ),
    async () => void (await page.reload()),
  );
}

/**
 * Opens a page with a virtual authenticator, which verifies its user and confirms prompts until `setPresent(false)`. `visit` goes to a page
 * of another origin that has the same passkey.
 */
export async function openWithAuthenticator(
  browser: Browser,
  url: string,
): Promise<{
  readonly page: TestPage;
  readonly setPresent: (isPresent: boolean) => Promise<void>;
  readonly visit: (url: string) => Promise<void>;
}> {
  const page = await openPage(browser, url);
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    page: pageOf(page),
    async setPresent(enabled) {
      await cdp.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled });
    },
    async visit(other) {
      const stored = await page.evaluate(() => Object.entries<string>(localStorage));
      await page.goto(other);
      await page.evaluate((entries) => {
        for (const [name, value] of entries) localStorage.setItem(name, value);
      }, stored);
    },
  };
}
