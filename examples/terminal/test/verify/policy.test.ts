import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright";
import { expect, test } from "vitest";
import { logIn, screenShows, type, useChromium } from "./browser.ts";

const tools = useChromium();
const { openExample, openPage, complaints } = tools;

/** Returns the computed colour of the span with this text. */
function colourOf(page: Page, text: string, property: "color" | "backgroundColor"): Promise<string> {
  return page
    .locator(".xterm-rows span")
    .filter({ hasText: new RegExp(`^${text}`) })
    .last()
    .evaluate((span, property) => getComputedStyle(span)[property], property);
}

test.each([true, false])(
  "the terminal keeps its colours under the policy, with WebAssembly permitted: %s",
  async (wasm) => {
    const example = await openExample({ wasm });
    const page = await openPage(example, { colorScheme: "dark" });
    await logIn(page, example);
    await type(
      page,
      "printf '\\033[31mRED \\033[42mGREEN\\033[0m \\033[38;2;255;120;0mORANGE\\033[0m \\033[38;5;201mPINK\\033[0m\\n'",
    );
    await screenShows(page, "PINK");
    expect(await colourOf(page, "RED", "color")).toBe("rgb(240, 122, 122)");
    expect(await colourOf(page, "GREEN", "backgroundColor")).toBe("rgb(127, 206, 154)");
    expect(await colourOf(page, "ORANGE", "color")).toBe("rgb(255, 120, 0)");
    expect(await colourOf(page, "PINK", "color")).toBe("rgb(255, 0, 255)");
    // The scrollbar's style element, too.
    const slider = page.locator(".xterm-scrollable-element > .scrollbar.vertical > .slider");
    expect(await slider.evaluate((one) => getComputedStyle(one).backgroundColor)).not.toBe("rgba(0, 0, 0, 0)");
    expect(await compilesWebAssembly(page)).toBe(wasm);
    // Only this test's own attempt is reported: the page made none.
    if (wasm) return;
    await expect.poll(() => complaints.length, { timeout: 15_000 }).toBe(1);
    expect(complaints.splice(0)).toEqual(["policy violation: script-src wasm-eval"]);
  },
);

function compilesWebAssembly(page: Page): Promise<boolean> {
  return page.evaluate(() =>
    WebAssembly.compile(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])).then(
      () => true,
      () => false,
    ),
  );
}

test("the policy stops injected styles, scripts, evaluation and HTML", async () => {
  const { example } = tools;
  const page = await openPage(example);
  await page.evaluate(async () => {
    const violations: string[] = [];
    Object.assign(globalThis, { violations });
    document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) =>
      violations.push(effectiveDirective),
    );
    const style = document.createElement("style");
    style.textContent = "body { color: red }";
    document.head.append(style);
    document.body.setAttribute("style", "color: red");
    // The debugger's own evaluation may use `eval`; a later task may not.
    await new Promise((resolve) => setTimeout(resolve));
    const attempts = [
      () => (Reflect.get(window, "eval") as (text: string) => unknown)("1"),
      () => (document.body.innerHTML = "<b>x</b>"),
      () => (document.createElement("script").src = "/terminal.js"),
    ];
    for (const attempt of attempts)
      try {
        attempt();
        violations.push("permitted");
      } catch {
        // Refused.
      }
    await fetch("http://127.0.0.1:1/").catch(() => {});
  });
  // The browser reports a violation in a task of its own.
  const violated = (): Promise<string[]> =>
    page.evaluate(() => (globalThis as unknown as { readonly violations: string[] }).violations);
  await expect
    .poll(violated, { timeout: 15_000 })
    .toEqual(expect.arrayContaining(["style-src-elem", "style-src-attr", "require-trusted-types-for", "connect-src"]));
  expect(await violated()).not.toContain("permitted");
  expect(await page.evaluate(() => getComputedStyle(document.body).color)).not.toBe("rgb(255, 0, 0)");
  // Chromium reports the attempts, too.
  await page.close();
  complaints.splice(0);
});

test("a page of another origin cannot embed the terminal", async () => {
  const { example } = tools;
  // `/ssh/ticket` has no policy and is embedded, which shows that the frames work.
  const html = `<iframe src="${example.url}"></iframe><iframe src="${example.url}ssh/ticket"></iframe>`;
  const other = createServer((_, response) => response.setHeader("content-type", "text/html").end(html));
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  try {
    // A page of its own, because Chromium reports the refused frame.
    const page = await (await openPage(example)).context().newPage();
    await page.goto(`http://localhost:${(other.address() as AddressInfo).port}/`);
    const urls = (): string[] =>
      page
        .frames()
        .slice(1)
        .map((frame) => frame.url());
    await expect.poll(urls, { timeout: 15_000 }).toEqual(["chrome-error://chromewebdata/", `${example.url}ssh/ticket`]);
  } finally {
    other.closeAllConnections();
    await new Promise((resolve) => other.close(resolve));
  }
});
