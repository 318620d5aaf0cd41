import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { randomart } from "@nacre/keyfiles";
import { hostKeyFile, listen } from "@nacre/node";
import { freePort } from "@nacre/testing/free-port";
import { describe, expect, test } from "vitest";
import { connected, logIn, screenShows, startReader, submitPassword, type, useChromium } from "./browser.ts";

const tools = useChromium();
const { openExample, openPage } = tools;

describe("with a password", () => {
  test("the page shows an unknown host key, logs in, runs a command and shows its packets", async () => {
    const { example } = tools;
    const page = await openPage(example);
    await submitPassword(page, example.ssh.password);
    const dialog = page.getByRole("dialog", { name: "Is this the right host?" });
    await dialog.waitFor();
    expect(await dialog.locator("#host-key-fingerprint").textContent()).toBe(example.ssh.fingerprint);
    const publicKey = readFileSync(join(example.home, "../host_key.pub"), "utf8").split(" ")[1]!;
    expect(await dialog.getByRole("img").textContent()).toBe(randomart(Buffer.from(publicKey, "base64")));
    // Enter must not accept by accident.
    expect(await dialog.getByRole("button", { name: "Refuse" }).evaluate((one) => one === document.activeElement)).toBe(
      true,
    );
    await dialog.getByRole("button", { name: "Accept and remember" }).click();
    await connected(page);

    await type(page, "echo $((6 * 7)) is the answer of $USER");
    await screenShows(page, "42 is the answer of demo");
    const details = page.getByRole("complementary", { name: "Connection details" });
    expect(await details.locator("#negotiated").innerText()).toMatch(
      /Key exchange\s+mlkem768x25519-sha256 post-quantum\s+Host key\s+ssh-ed25519[^]*Strict kex\s+yes\s+Server\s+SSH-2\.0-Nacre/,
    );
    await details.getByRole("list", { name: "Packets" }).getByText("CHANNEL_DATA").last().waitFor();
    const packets = await details.locator("#trace li").allTextContents();
    for (const part of ["KEXINIT", "NEWKEYS", "USERAUTH_REQUEST", "USERAUTH_SUCCESS", "CHANNEL_REQUEST"])
      expect(packets.filter((line) => line.includes(part))).not.toEqual([]);
    expect(packets.join("\n")).not.toContain(example.ssh.password);
    expect(await details.locator("#trace-total").textContent()).toMatch(/^\d+ · ↑ [\d.]+ KiB · ↓ [\d.]+ KiB$/);
    await page.getByText("End to end: this page ↔ demo@127.0.0.1").waitFor();

    await type(page, "exit 3");
    await page.getByText("The session has ended with exit status 3.").waitFor();
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByRole("button", { name: "Connect" }).waitFor();
    // The known host is not asked about again.
    await submitPassword(page, example.ssh.password);
    await connected(page);
  });

  test("a refused host key ends the login before the password is sent", async () => {
    const { example } = tools;
    const page = await openPage(example);
    await submitPassword(page, example.ssh.password);
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("alert").filter({ hasText: "You refused the key of the host" }).waitFor();
    const messages = await page.locator("#trace li .name").allTextContents();
    expect(messages).not.toContain("USERAUTH_REQUEST");
  });

  test("a wrong password is explained, and the form stays", async () => {
    const { example } = tools;
    const page = await openPage(example);
    await submitPassword(page, "wrong");
    await page.getByRole("button", { name: "Accept and remember" }).click();
    await page.getByRole("alert").filter({ hasText: "refused this password for demo" }).waitFor();
    expect(await page.getByLabel("User", { exact: true }).inputValue()).toBe("demo");
    await page.getByRole("button", { name: "Connect" }).waitFor();
  });

  test("the terminal follows the size of the window", async () => {
    const { example } = tools;
    const page = await openPage(example);
    await logIn(page, example);
    await page.setViewportSize({ width: 900, height: 500 });
    const rows = page.locator(".xterm-rows > div");
    await expect.poll(() => rows.count(), { timeout: 15_000 }).toBeLessThan(30);
    await type(page, "echo size $(stty size | cut -d' ' -f1)");
    await screenShows(page, `size ${await rows.count()}`);
  });
});

describe("another destination", () => {
  test("is the first in the list with its user, and its prompts are shown", async () => {
    const { example } = tools;
    const asked: (readonly string[])[] = [];
    const server = await listen({
      port: 0,
      hostKeys: [await hostKeyFile(join(example.home, "../other_host_key"))],
      methods: ["keyboard-interactive"],
      authenticate: async (login) => {
        if (login.method !== "keyboard-interactive") return false;
        const texts = { instruction: "Two\u202e factors" };
        asked.push(await login.ask(["PIN: ", { prompt: "Code: ", echo: true }], texts));
        return true;
      },
      acceptPty: true,
      session: async ({ stdout, signal }) => {
        stdout.write("welcome here");
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    });
    try {
      const { port } = server.address;
      const other = await openExample({
        destinations: [{ host: "127.0.0.1", port, user: "alice", allow: `127.0.0.1:${port}` }],
      });
      const page = await openPage(other);
      expect(await page.getByLabel("Host").locator("option:checked").textContent()).toBe(`127.0.0.1 port ${port}`);
      expect(await page.getByLabel("User", { exact: true }).inputValue()).toBe("alice");
      await page.getByRole("button", { name: "Connect" }).click();
      await page.getByRole("button", { name: "Accept and remember" }).click();
      const dialog = page.getByRole("dialog", { name: "The host asks" });
      await dialog.getByText("Two\\u{202e} factors").waitFor();
      await dialog.getByLabel("PIN:").fill("1234");
      expect(await dialog.getByLabel("PIN:").getAttribute("type")).toBe("password");
      await dialog.getByLabel("Code:").fill("567");
      await page.keyboard.press("Enter");
      await screenShows(page, "welcome here");
      expect(asked).toEqual([["1234", "567"]]);
    } finally {
      await server.close();
    }
  });

  test("that does not answer can be cancelled", async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = silent.address() as AddressInfo;
      const example = await openExample({
        destinations: [{ host: "127.0.0.1", port, user: "alice", allow: `127.0.0.1:${port}` }],
      });
      const page = await openPage(example);
      const arrived = once(silent, "connection");
      await submitPassword(page, "any");
      const [socket] = (await arrived) as [Socket];
      const ended = once(socket.resume(), "close");
      await page.getByRole("button", { name: "Cancel" }).click();
      await page.getByRole("alert").filter({ hasText: "The login was cancelled." }).waitFor();
      await ended;
      await page.getByRole("button", { name: "Connect" }).waitFor();
    } finally {
      await new Promise((resolve) => silent.close(resolve));
    }
  });
});

test("a changed host key is refused in red, and forgotten only with the host's name", async () => {
  // Ports that no other program gets while none listens there.
  const ports = { webPort: await freePort(), sshPort: await freePort() };
  const first = await openExample(ports);
  const page = await openPage(first);
  await logIn(page, first);
  await page.getByRole("button", { name: "Disconnect" }).click();
  await page.getByRole("button", { name: "Connect" }).waitFor();
  await first.close();
  // Another host at the same address.
  const second = await openExample(ports);
  await submitPassword(page, second.ssh.password);
  const warning = page.getByRole("alert").filter({ hasText: "The host key has changed" });
  await warning.waitFor();
  const text = await warning.innerText();
  expect(text).toContain(`127.0.0.1 port ${first.ssh.port}`);
  for (const { fingerprint } of [first.ssh, second.ssh]) expect(text).toContain(fingerprint);
  expect(await warning.evaluate((one) => getComputedStyle(one).borderTopColor)).toBe("rgb(179, 38, 30)");
  expect(await page.locator("#trace li .name").allTextContents()).not.toContain("USERAUTH_REQUEST");

  await warning.getByText("The administrator confirmed the new key").click();
  const forget = warning.getByRole("button", { name: "Forget the old key" });
  expect(await forget.isDisabled()).toBe(true);
  await warning.getByLabel("To forget the old key, type the name of the host").fill("127.0.0.1");
  await forget.click();
  await warning.waitFor({ state: "hidden" });
  await logIn(page, second);
});

describe("the clipboard", () => {
  const permissions = ["clipboard-read", "clipboard-write"];

  test("is written for the host only after consent", async () => {
    const { example } = tools;
    const page = await openPage(example, { permissions });
    await logIn(page, example);
    const read = (): Promise<string> => page.evaluate(() => navigator.clipboard.readText());
    await page.evaluate(() => navigator.clipboard.writeText("mine"));
    const request = page.getByRole("alert").filter({ hasText: "wants to change your clipboard" });

    await type(page, osc52(Buffer.from("first\nline").toString("base64")));
    await request.waitFor();
    expect(await request.locator("pre").textContent()).toBe("first⏎\nline");
    // The focus is in the terminal: typing gives no consent.
    await type(page, "echo typed on");
    await screenShows(page, "typed on");
    expect(await read()).toBe("mine");
    await request.getByRole("button", { name: "Refuse", exact: true }).click();
    await request.waitFor({ state: "hidden" });
    expect(await read()).toBe("mine");

    await type(page, osc52(Buffer.from("second").toString("base64")));
    await request.getByRole("button", { name: "Copy to clipboard" }).click();
    await expect.poll(read, { timeout: 15_000 }).toBe("second");

    await type(page, osc52(Buffer.from("third").toString("base64")));
    await request.getByRole("button", { name: "Refuse all" }).click();
    await type(page, `${osc52(Buffer.from("fourth").toString("base64"))}; echo after`);
    await screenShows(page, "after");
    expect(await request.isVisible()).toBe(false);
    expect(await read()).toBe("second");
  });

  test("is never read for the host", async () => {
    const { example } = tools;
    const page = await openPage(example, { permissions });
    await logIn(page, example);
    await page.evaluate(() => navigator.clipboard.writeText("secret"));
    // An answer would arrive as input of `cat`, which prints it.
    await startReader(page, `${osc52("?")}; cat -v`);
    await type(page, "end of input");
    await screenShows(page, "end of input");
    const shown = await page.locator(".xterm-rows").innerText();
    expect(shown).not.toMatch(/52;c;(?!\?)|c2VjcmV0|secret/);
  });

  test("takes a selection, and pastes into the shell", async () => {
    const { example } = tools;
    const page = await openPage(example, { permissions });
    await logIn(page, example);
    await page.evaluate(() => navigator.clipboard.writeText("echo pa''sted"));
    await page.getByRole("button", { name: "Paste" }).click();
    await screenShows(page, "pa''sted");
    await page.keyboard.press("Enter");
    await screenShows(page, "pasted");
    // Forced, because the terminal's screen lies above its text and takes the events.
    await page.getByText("pasted", { exact: true }).dblclick({ force: true });
    await page.keyboard.press("Control+Shift+C");
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText()), { timeout: 15_000 }).toBe("pasted");
  });
});

/** Returns the shell command that prints an OSC 52 sequence. */
function osc52(data: string): string {
  return `printf '\\033]52;c;${data}\\007'`;
}
