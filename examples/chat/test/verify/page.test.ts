import { type Browser, chromium, type Page } from "playwright";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { contrast, luminance } from "../../../shared/contrast.ts";
import { TestPage } from "../doors.ts";
import { type ChatProcess, usePrograms } from "../interop/support.ts";

const { startChat, ssh } = usePrograms();

let browser: Browser;
/** Script errors and Content-Security-Policy violations that the pages reported. */
const complaints: string[] = [];

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
});
afterAll(() => browser.close());
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  expect(complaints.splice(0)).toEqual([]);
});

async function open({ webPort }: ChatProcess, colorScheme: "light" | "dark" = "light"): Promise<Page> {
  const context = await browser.newContext({ colorScheme });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  page.on("pageerror", ({ message }) => complaints.push(message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await page.goto(`http://localhost:${webPort}/`);
  return page;
}

/** Joins using only the keyboard: the name field has the focus when the page opens. */
async function join(page: Page, name: string): Promise<void> {
  await page.keyboard.type(name);
  await page.keyboard.press("Enter");
  await page.getByText(`You are ${name}`).waitFor();
}

test("a page and ssh show each other's messages", async () => {
  const chat = await startChat();
  const page = await open(chat);
  await join(page, "ann");
  const bob = ssh(chat, "bob", "terminal");
  await page.getByText("bob joined").waitFor();
  bob.type("hello from ssh\r");
  await page.getByRole("log").getByText("bob: hello from ssh").waitFor();
  // The message field has the focus after joining.
  await page.keyboard.type("hello from the page");
  await page.keyboard.press("Enter");
  await bob.until("ann\x1b[0m: hello from the page");
  await page.getByRole("log").getByText("ann: hello from the page").waitFor();
  expect(await page.getByRole("listitem").allTextContents()).toEqual(
    expect.arrayContaining(["ann: hello from the page", "ann", "bob"]),
  );
  bob.type("\x03");
  await page.getByText("bob left").waitFor();
});

test("a text with HTML is shown as text", async () => {
  const chat = await startChat();
  const page = await open(chat);
  await join(page, "ann");
  const mallory = await TestPage.join(chat.webPort, "mallory");
  const html = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
  mallory.say(html);
  await page.getByRole("log").getByText(`mallory: ${html}`).waitFor();
  expect(await page.locator("img, #messages script").count()).toBe(0);
  expect(await page.title()).toBe("Nacre chat");
  await mallory.close();
});

test("the content security policy refuses HTML from text and styles from another origin", async () => {
  const chat = await startChat();
  const page = await open(chat);
  const outcome = await page.evaluate(() => {
    try {
      document.body.innerHTML = "<b>x</b>";
      return "became HTML";
    } catch (error) {
      return (error as Error).name;
    }
  });
  expect(outcome).toBe("TypeError");
  const loaded = await page.evaluate(
    () =>
      new Promise((resolve) => {
        document.addEventListener("securitypolicyviolation", ({ violatedDirective }) => resolve(violatedDirective));
        const link = document.createElement("link");
        link.rel = "stylesheet";
        link.href = "http://127.0.0.1:1/x.css";
        document.head.append(link);
      }),
  );
  expect(loaded).toBe("style-src-elem");
  // Chromium reports both attempts as errors.
  await page.close();
  expect(complaints.splice(0).length).toBeGreaterThan(0);
});

test("a page shows why it could not join, and joins with another name", async () => {
  const chat = await startChat();
  const taken = await TestPage.join(chat.webPort, "ann");
  const page = await open(chat);
  await page.keyboard.type("Ann");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("The name ann is taken").waitFor();
  await page.getByLabel("Your name").fill("bob");
  await page.getByRole("button", { name: "Join" }).click();
  await page.getByText("You are bob").waitFor();
  await taken.close();
});

test("a page shows that the chat has closed, and offers to join again", async () => {
  const chat = await startChat();
  const page = await open(chat);
  await join(page, "ann");
  chat.program.kill("SIGTERM");
  await page.getByRole("alert").getByText("The room closes").waitFor();
  await page.getByRole("button", { name: "Join" }).waitFor();
  expect(await chat.program.closed).toBe(0);
});

test("refused messages go back to the field in their order, before what was typed since", async () => {
  const chat = await startChat();
  const page = await open(chat);
  await join(page, "ann");
  // The page sends more than the room takes, and types on, before the answers arrive.
  await page.evaluate(() => {
    const [field, form] = [document.querySelector("#text"), document.querySelector("#say")];
    if (!(field instanceof HTMLInputElement) || !(form instanceof HTMLFormElement)) throw new Error("no field");
    for (let i = 1; i <= 8; i++) {
      field.value = `message ${i}`;
      form.requestSubmit();
    }
    field.value = "next";
  });
  await page.getByRole("alert").getByText("Too fast: wait a second").waitFor();
  const field = page.getByLabel("Message", { exact: true });
  const said = async (): Promise<string[]> => (await page.getByRole("log").innerText()).match(/message \d/g) ?? [];
  const returned = async (): Promise<string[]> => (await field.inputValue()).match(/message \d/g) ?? [];
  const all = Array.from({ length: 8 }, (_, i) => `message ${i + 1}`);
  await expect
    .poll(async () => [...(await said()), ...(await returned())].toSorted(), { timeout: 15_000 })
    .toEqual(all);
  // The room takes five at once, and another one for each second that this takes.
  const taken = await said();
  expect(taken.length).toBeGreaterThanOrEqual(5);
  const refused = all.filter((text) => !taken.includes(text));
  expect(refused.length).toBeGreaterThan(0);
  expect(await field.inputValue()).toBe([...refused, "next"].join(" "));
});

test("an empty room says how others join, until somebody else is there", async () => {
  const chat = await startChat();
  const page = await open(chat);
  await join(page, "ann");
  const empty = page.getByRole("heading", { name: "Nobody else is here yet" });
  await empty.waitFor();
  await page.getByText(`ssh -p ${chat.sshPort} YOUR-NAME@localhost`).waitFor();
  const bob = await TestPage.join(chat.webPort, "bob");
  await empty.waitFor({ state: "hidden" });
  await bob.close();
  await empty.waitFor();
});

test("a phone shows the people, the messages and the field, and nothing is wider than the screen", async () => {
  const chat = await startChat();
  const page = await open(chat);
  await page.setViewportSize({ width: 390, height: 844 });
  await join(page, "ann");
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  for (const part of [page.locator("#people"), page.locator("#log"), page.locator("#text")])
    expect(await part.isVisible()).toBe(true);
  expect((await page.locator("header").boundingBox())!.height).toBeLessThan(60);
});

test("every control has a name, and the log announces new messages", async () => {
  const chat = await startChat();
  const page = await open(chat);
  await join(page, "ann");
  const tree = await page.locator("body").ariaSnapshot();
  for (const part of [
    'heading "Nacre chat"',
    "status: You are ann",
    'log "Messages"',
    'textbox "Message"',
    'button "Send"',
  ])
    expect(tree).toContain(part);
});

test.each(["light", "dark"] as const)("text is readable in %s colours", async (scheme) => {
  const chat = await startChat();
  const page = await open(chat, scheme);
  await join(page, "ann");
  const [background = [], ...texts] = await page.evaluate(() =>
    [
      ["body", "backgroundColor"] as const,
      ["body", "color"] as const,
      ["#status", "color"] as const,
      ["#problem", "color"] as const,
    ].map(([selector, property]) =>
      (getComputedStyle(document.querySelector(selector)!)[property].match(/[\d.]+/g) ?? []).map(Number),
    ),
  );
  expect(luminance(background) > 0.5).toBe(scheme === "light");
  for (const text of texts) expect(contrast(background, text)).toBeGreaterThan(4.5);
});
