import type { Page } from "playwright";
import { describe, expect, test } from "vitest";
import { contrast, luminance } from "../../../shared/contrast.ts";
import {
  connected,
  ignoreLostWebSockets,
  logIn,
  screenShows,
  startReader,
  submitPassword,
  type,
  useChromium,
} from "./browser.ts";

const tools = useChromium();
const { complaints, openExample, openPage } = tools;

describe("with a keyboard", () => {
  test("a user logs in, leaves the terminal, reads the explanation and disconnects", async () => {
    const { example } = tools;
    const page = await openPage(example);
    // The password field has the focus, because the user name is known.
    await page.locator("#password:focus").waitFor();
    await page.keyboard.type(example.ssh.password);
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await connected(page);
    await type(page, "echo by keyboard");
    await screenShows(page, "by keyboard");
    await page.keyboard.press("Control+Shift+X");
    const focused = (): Promise<string> => page.evaluate(() => document.activeElement!.textContent.trim());
    expect(await focused()).toBe("Files");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Enter");
    await page.getByText("it could change them and read everything").waitFor();
    await page.keyboard.press("Escape");
    await page.getByText("it could change them and read everything").waitFor({ state: "hidden" });
    for (let i = 0; i < 3; i++) await page.keyboard.press("Tab");
    expect(await focused()).toBe("Disconnect");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Connect" }).waitFor();
    // The form does not keep the password.
    expect(await page.locator("#password").inputValue()).toBe("");
    expect(await page.locator("#password").evaluate((one) => one === document.activeElement)).toBe(true);
  });
});

describe("with a screen reader", () => {
  test("every control has a name", async () => {
    const { example } = tools;
    const page = await openPage(example);
    // The form appears when the page's script has run.
    await page.locator("#password:focus").waitFor();
    const login = await page.locator("body").ariaSnapshot();
    for (const part of [
      'heading "Nacre terminal"',
      "status: Not connected",
      'combobox "Host"',
      'textbox "User"',
      'group "Log in with"',
      'radio "Password" [checked]',
      'radio "Browser key"',
      'textbox "Password"',
      'button "Connect"',
    ])
      expect(login).toContain(part);
    await logIn(page, example);
    const session = await page.locator("body").ariaSnapshot();
    for (const part of [
      "status: Connected to demo@127.0.0.1",
      'button "Files"',
      'button "Details" [expanded]',
      'region "Terminal"',
      'textbox "Terminal input"',
      'complementary "Connection details"',
      'list "Packets"',
      'button "Pause"',
      'checkbox "Screen-reader mode"',
      'button "Copy selection"',
      'button "Add this browser’s key"',
    ])
      expect(session).toContain(part);
    await page.getByRole("button", { name: "Files", exact: true }).click();
    await page.locator("#files-path button").first().waitFor();
    const files = await page.locator("body").ariaSnapshot();
    for (const part of [
      'button "Files" [expanded]',
      'complementary "Files of the host"',
      'navigation "Folder"',
      'button "Refresh"',
      'button "Upload files"',
      'button "Upload a folder"',
    ])
      expect(files).toContain(part);
    // One panel at a time beside the terminal.
    expect(files).not.toContain("Connection details");
  });

  test("the screen-reader mode makes the terminal's rows a list, and is remembered after a reload", async () => {
    const { example } = tools;
    const page = await openPage(example);
    await logIn(page, example);
    const rows = page.locator(".xterm-accessibility-tree [role=listitem]");
    expect(await rows.count()).toBe(0);
    await page.getByLabel("Screen-reader mode").check();
    await page.locator(".xterm textarea").focus();
    await type(page, "echo spoken");
    await rows.filter({ hasText: /^spoken$/ }).waitFor();
    // Ctrl+W deletes a word in a shell and closes a tab in a browser, so the page asks first.
    const asked = page.waitForEvent("dialog");
    const reloaded = page.reload();
    const question = await asked;
    expect(question.type()).toBe("beforeunload");
    await question.accept();
    await reloaded;
    await submitPassword(page, example.ssh.password);
    await connected(page);
    expect(await page.getByLabel("Screen-reader mode").isChecked()).toBe(true);
    await rows.filter({ hasText: "demo@nacre" }).waitFor();
  });
});

describe("on a phone", () => {
  test("the key row sends Ctrl, arrows, Tab and Esc, and the details open over the terminal", async () => {
    const { example } = tools;
    const page = await openPage(example, { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true });
    await logIn(page, example);
    const row = page.getByRole("toolbar", { name: "Terminal keys" });
    expect(await page.locator("#inspector").isVisible()).toBe(false);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    // The header is one line, so that the terminal has the rest.
    expect((await page.locator("header").boundingBox())!.height).toBeLessThan(60);
    expect((await page.locator("#status").boundingBox())!.width).toBeGreaterThan(90);

    await startReader(page, "sleep 1000");
    await row.getByRole("button", { name: "Ctrl" }).tap();
    expect(await row.getByRole("button", { name: "Ctrl" }).getAttribute("aria-pressed")).toBe("true");
    await page.keyboard.type("c");
    await screenShows(page, "^C");
    expect(await row.getByRole("button", { name: "Ctrl" }).getAttribute("aria-pressed")).toBe("false");

    await startReader(page, "cat -v");
    for (const name of ["Esc", "Left", "Down"]) await row.getByRole("button", { name }).tap();
    await page.keyboard.press("Enter");
    await screenShows(page, "^[^[[D^[[B");
    await row.getByRole("button", { name: "Ctrl" }).tap();
    await row.getByRole("button", { name: "Right" }).tap();
    await page.keyboard.press("Enter");
    await screenShows(page, "^[[1;5C");

    await page.getByRole("button", { name: "Details" }).tap();
    await page.locator("#negotiated").getByText("mlkem768x25519-sha256").waitFor();
  });

  test.each([360, 400])("%d pixels wide, no status is cut off", async (width) => {
    const example = await openExample();
    const page = await openPage(example, { viewport: { width, height: 640 }, hasTouch: true, isMobile: true });
    const status = page.getByRole("status").first();
    const shows = async (text: string): Promise<void> => {
      await status.getByText(text).waitFor();
      for (const part of await page.locator("#status-text, #status-text > span").all())
        expect(await part.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth), text).toBe(0);
    };
    // Without a terminal below, a sentence takes several lines.
    await page.route("**/config.json", (route) => route.fulfill({ body: "not JSON" }));
    await page.reload();
    await shows("The page's settings cannot be loaded. Reload the page");
    await expect.poll(() => complaints, { timeout: 15_000 }).toEqual([expect.stringContaining("JSON")]);
    complaints.length = 0;
    await page.unroute("**/config.json");
    await page.reload();
    await shows("Not connected");
    await submitPassword(page, example.ssh.password);
    await shows("Connecting to 127.0.0.1");
    await page.getByRole("button", { name: "Accept and remember" }).click();
    await connected(page);
    await shows("Connected to demo@127.0.0.1");
    await page.context().setOffline(true);
    await shows("Offline");
    await page.context().setOffline(false);
    await shows("Connected to demo@127.0.0.1");
    await type(page, "exit");
    await shows("Session ended");
    expect((await page.locator("header").boundingBox())!.height).toBeLessThan(60);
    await page.getByRole("button", { name: "Close" }).click();

    await submitPassword(page, example.ssh.password);
    await connected(page);
    await example.crash();
    await shows("Reconnecting to demo@127.0.0.1");
    expect((await page.locator("header").boundingBox())!.height).toBeLessThan(60);
    // The page tries to reconnect until it is closed, and Chromium reports each attempt.
    await page.close();
    ignoreLostWebSockets(complaints);
  });
});

test.each(["light", "dark"] as const)("text is readable in %s colours", async (colorScheme) => {
  const { example } = tools;
  const page = await openPage(example, { colorScheme });
  await logIn(page, example);
  await page.locator("#badge summary").click();
  await readable(page, colorScheme, [
    ["header", "#status"],
    ["header", "h1 span"],
    ["#badge summary", "#badge summary"],
    [".explanation", ".explanation"],
    ["#inspector", "dt"],
    ["#inspector", "#trace .summary"],
    ["#inspector", "#trace .sent .arrow"],
    ["#inspector", "#trace .received .arrow"],
    [".remark", ".remark"],
    ["#disconnect", "#disconnect"],
    ["#toggle-inspector", "#toggle-inspector"],
  ]);
  await page.getByRole("button", { name: "Files", exact: true }).click();
  await page.locator("#files-path button").first().waitFor();
  const file = { name: `${colorScheme}.txt`, mimeType: "", buffer: Buffer.from("x") };
  await page.locator("#upload-files-input").setInputFiles(file);
  await page.getByText("1 file uploaded").waitFor();
  await page.getByRole("row", { name: file.name }).waitFor();
  await readable(page, colorScheme, [
    ["#files", "#files-path button"],
    ["#files", "#files thead th"],
    ["#files", "#files-entries td"],
    ["#files", "#files-upload .hint"],
    ["#files", "#transfers .arrow"],
    ["#files", "#transfers .state"],
    ["#upload-files", "#upload-files"],
  ]);
  await page.context().setOffline(true);
  await page.getByRole("status").getByText("Offline").waitFor();
  await readable(page, colorScheme, [
    ["header", "#status"],
    ["#notice", "#notice-text"],
  ]);
});

/** Expects that the contrast of each text and its background is sufficient. */
async function readable(
  page: Page,
  colorScheme: string,
  selectors: readonly (readonly [string, string])[],
): Promise<void> {
  const pairs = await page.evaluate(
    (selectors) =>
      selectors.map(([behind, text]) => {
        const { backgroundColor } = getComputedStyle(document.querySelector(behind)!);
        return { text, colours: [backgroundColor, getComputedStyle(document.querySelector(text)!).color] };
      }),
    selectors,
  );
  for (const { text, colours } of pairs) {
    const [background = [], foreground = []] = colours.map((one) => (one.match(/[\d.]+/g) ?? []).map(Number));
    expect(luminance(background) > 0.5, text).toBe(colorScheme === "light");
    expect(contrast(background, foreground), text).toBeGreaterThan(4.5);
  }
}
