import { freePort } from "@nacre/testing/free-port";
import type { Page } from "playwright";
import { describe, expect, test } from "vitest";
import { ANSWER_TIME } from "../../page/link.ts";
import {
  connected,
  ignoreLostWebSockets,
  logIn,
  screenShows,
  statusesOf,
  submitPassword,
  type,
  useChromium,
} from "./browser.ts";

const tools = useChromium();
const { openExample, openPage, complaints } = tools;

/** Resolves when the page's notice shows this text. */
async function noticeShows(page: Page, text: string): Promise<void> {
  await page.locator("#notice").filter({ hasText: text }).waitFor();
}

describe("a session", () => {
  test("continues on another WebSocket when its own is lost, and shows that", async () => {
    const { example } = tools;
    const page = await openPage(example);
    await logIn(page, example);
    await type(page, "kept=here");
    expect(example.cut()).toBeGreaterThan(0);
    await expect.poll(() => statusesOf(page), { timeout: 20_000 }).toContain("Reconnecting to demo@127.0.0.1");
    await connected(page);
    await type(page, "echo still $kept");
    await screenShows(page, "still here");
    expect(await page.locator("#notice").isVisible()).toBe(false);
    ignoreLostWebSockets(complaints);
  });

  test("says that the device is offline, and that it is back", async () => {
    const { example } = tools;
    const page = await openPage(example);
    await logIn(page, example);
    await page.context().setOffline(true);
    await page.getByRole("status").getByText("Offline").waitFor();
    await noticeShows(page, "This device has no network.");
    await page.context().setOffline(false);
    await connected(page);
    expect(await page.locator("#notice").isVisible()).toBe(false);
  });

  test("says that nothing comes back for a keystroke", async () => {
    const example = await openExample();
    const page = await openPage(example);
    await page.clock.install();
    await logIn(page, example);
    example.swallow();
    await page.keyboard.type("x");
    await page.clock.fastForward(ANSWER_TIME);
    await page.getByRole("status").getByText("No answer").waitFor();
    await noticeShows(page, "Nothing came back for 5 seconds.");
    // A new WebSocket carries what was typed.
    example.cut();
    await screenShows(page, "demo@nacre:~$ x");
    await page.getByText("Connected to demo@127.0.0.1").waitFor();
    ignoreLostWebSockets(complaints);
  });

  test("of a gateway that was restarted is over: the page says so and offers to log in again", async () => {
    // A port that no other program gets while none listens there.
    const webPort = await freePort();
    const first = await openExample({ webPort });
    const page = await openPage(first);
    await logIn(page, first);
    await first.crash();
    await page.getByRole("status").getByText("Reconnecting to demo@127.0.0.1").waitFor();
    const second = await openExample({ webPort });
    await noticeShows(page, "The gateway no longer has this session");
    await page.getByRole("status").getByText("Session ended").waitFor();
    await page.getByRole("button", { name: "Log in again" }).click();
    // While the gateway does not run, a login says so.
    await second.crash();
    await submitPassword(page, "any");
    await page.getByRole("alert").filter({ hasText: "The gateway cannot be reached. Check the network" }).waitFor();
    // Chromium reports each failed request.
    await page.close();
    complaints.length = 0;
  });

  test("that has ended offers to log in again, with a password", async () => {
    const { example } = tools;
    const page = await openPage(example);
    await logIn(page, example);
    await type(page, "exit");
    await noticeShows(page, "The session has ended.");
    // The button has the focus.
    await page.keyboard.press("Enter");
    await page.locator("#password:focus").waitFor();
    expect(await page.getByLabel("User", { exact: true }).inputValue()).toBe("demo");
    await submitPassword(page, example.ssh.password);
    await connected(page);
    expect(await page.locator("#notice").isVisible()).toBe(false);
  });

  test("that has ended is followed by another at once, with a key of the browser", async () => {
    const { example } = tools;
    const page = await openPage(example);
    await logIn(page, example);
    await page.getByRole("button", { name: "Add this browser’s key" }).click();
    await page.getByText("Choose “Browser key” at the next login.").waitFor();
    await page.getByRole("button", { name: "Disconnect" }).click();
    await page.getByRole("radio", { name: "Browser key" }).check();
    await page.getByRole("button", { name: "Connect" }).click();
    await connected(page);
    await type(page, "exit");
    await page.getByRole("button", { name: "Log in again" }).click();
    await connected(page);
  });
});

describe("a problem", () => {
  test("is shown in the page's words until another host or another way to log in is chosen", async () => {
    const unused = await freePort();
    const example = await openExample({
      destinations: [{ host: "127.0.0.1", port: unused, user: "alice", allow: `127.0.0.1:${unused}` }],
    });
    const page = await openPage(example);
    const problem = page.getByRole("alert").filter({ hasText: `127.0.0.1 port ${unused} cannot be reached.` });
    await submitPassword(page, "any");
    await problem.waitFor();
    expect(await problem.textContent()).not.toMatch(/close code|destination-unreachable/);
    await page.getByRole("radio", { name: "Key file" }).check();
    await problem.waitFor({ state: "hidden" });

    await page.getByRole("radio", { name: "Password" }).check();
    await submitPassword(page, "any");
    await problem.waitFor();
    await page.getByLabel("Host", { exact: true }).selectOption({ index: 1 });
    await problem.waitFor({ state: "hidden" });
    expect(await page.getByLabel("User", { exact: true }).inputValue()).toBe("demo");
  });
});

test("passkeys are said to be refused by the demo server only, beside the button", async () => {
  const example = await openExample({
    destinations: [{ host: "ssh.example.org", port: 22, user: "alice", allow: "ssh.example.org:22" }],
  });
  const page = await openPage(example);
  await page.getByRole("radio", { name: "Passkey" }).check();
  await page.getByRole("button", { name: "Make a passkey" }).waitFor();
  const note = page.getByRole("note").filter({ hasText: "The demo server does not verify passkeys yet" });
  expect(await note.isVisible()).toBe(false);
  await page.getByLabel("Host", { exact: true }).selectOption({ index: 1 });
  await note.waitFor();
});
