// Takes the screenshots in the READMEs of the examples, in Chromium: `npm run screenshots`.
import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BrowserContextOptions, chromium, type Page } from "playwright";
import { openChat } from "../examples/chat/src/chat.ts";
import { openTerminal } from "../examples/terminal/src/terminal.ts";
import { makeFolder } from "../examples/terminal/test/support.ts";

const examples = fileURLToPath(new URL("../examples", import.meta.url));
const DESKTOP = { width: 1200, height: 720 };
const PHONE = { viewport: { width: 390, height: 720 }, deviceScaleFactor: 1.5, hasTouch: true, isMobile: true };
/** Milliseconds for the last output to appear, and for animations. */
const SETTLE = 1500;
/** Milliseconds for the answer to a line, so that the shell does not echo the next line before its prompt. */
const TYPING_PAUSE = 700;

/** Length in bytes of a file whose upload takes longer than the picture of it. */
const LARGE = 500_000_000;

const folder = makeFolder();
fillHome(folder.home);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const terminal = await openTerminal({ webPort: 0, sshPort: 2223, folder: folder.path, wasm: true, destinations: [] });
try {
  await desktop("light");
  await desktop("dark");
  await files();
  await phone();
  await changedHostKey();
  await chat();
} finally {
  await browser.close();
  await terminal.close();
  folder.remove();
}

async function desktop(colorScheme: "light" | "dark"): Promise<void> {
  const page = await openPage({ viewport: DESKTOP, colorScheme });
  await page.locator("#password").fill(terminal.ssh.password);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  if (colorScheme === "light")
    await page.getByRole("dialog").screenshot({ path: join(examples, "terminal/host-key.png") });
  await acceptHostKey(page);
  await type(page, ["clear", "ls", "./colours.sh", "head -c 100000 /dev/urandom | sha256sum"]);
  await shoot(page, `terminal/${colorScheme}.png`);
  await page.context().close();
}

/** Shows the file panel: one upload is done, one is under way. */
async function files(): Promise<void> {
  const page = await openPage({ viewport: DESKTOP, colorScheme: "light" });
  await page.locator("#password").fill(terminal.ssh.password);
  await page.keyboard.press("Enter");
  await acceptHostKey(page);
  await type(page, ["clear", "ls -l"]);
  await page.getByRole("button", { name: "Files", exact: true }).click();
  await page.getByRole("row", { name: "notes.txt" }).waitFor();
  const local = makeFolder();
  const [small, large] = ["report.pdf", "disk.img"].map((name) => join(local.path, name)) as [string, string];
  for (const [file, length] of [[small, 1_234_567] as const, [large, LARGE] as const]) {
    writeFileSync(file, "");
    truncateSync(file, length);
  }
  await page.locator("#upload-files-input").setInputFiles(small);
  await page.getByText("1 file uploaded").waitFor();
  await page.locator("#upload-files-input").setInputFiles(large);
  await page.getByText("left", { exact: false }).last().waitFor();
  await shoot(page, "terminal/files.png");
  await page.context().close();
  rmSync(join(folder.home, "report.pdf"));
  local.remove();
}

async function phone(): Promise<void> {
  const page = await openPage({ ...PHONE, colorScheme: "dark" });
  await page.locator("#password").fill(terminal.ssh.password);
  await page.keyboard.press("Enter");
  await acceptHostKey(page);
  await type(page, ["clear", "ls", "./colours.sh"]);
  await shoot(page, "terminal/phone.png");
  await page.context().close();
}

/** Shows the warning for a host key that differs from the known one. */
async function changedHostKey(): Promise<void> {
  const page = await openPage({ viewport: { width: 760, height: 900 }, colorScheme: "light" });
  await page.locator("#password").fill(terminal.ssh.password);
  await page.keyboard.press("Enter");
  await acceptHostKey(page);
  await page.getByRole("button", { name: "Disconnect" }).click();
  const other = makeFolder();
  await terminal.ssh.close();
  const impostor = await openTerminal({ webPort: 0, sshPort: 2223, folder: other.path, wasm: true, destinations: [] });
  await page.locator("#password").fill("any");
  await page.keyboard.press("Enter");
  await page.locator("#changed").waitFor();
  await page.waitForTimeout(SETTLE);
  await page.locator("#changed").screenshot({ path: join(examples, "terminal/changed.png") });
  await page.context().close();
  await impostor.close();
  other.remove();
}

/** Shows the chat's page and OpenSSH's client side by side. The client runs in a terminal of the other example. */
async function chat(): Promise<void> {
  const room = await openChat({
    ssh: { host: "127.0.0.1", port: 2222, hostKey: join(folder.path, "chat_key") },
    web: { host: "127.0.0.1", port: 0 },
  });
  const web = await openTerminal({ webPort: 0, sshPort: 0, folder: folder.path, wasm: true, destinations: [] });
  try {
    const size = { width: 544, height: 400 };
    const page = await openPage({ viewport: size, colorScheme: "light" }, `http://localhost:${room.webPort}/`);
    await page.keyboard.type("ann");
    await page.keyboard.press("Enter");
    const ssh = await openPage({ viewport: size, colorScheme: "dark" }, web.url);
    await ssh.locator("#password").fill(web.ssh.password);
    await ssh.keyboard.press("Enter");
    await acceptHostKey(ssh);
    // Only the terminal is of interest here.
    await ssh.evaluate(() => {
      for (const part of document.querySelectorAll<HTMLElement>("header, #key-row")) part.hidden = true;
    });
    await type(ssh, [
      "alias ssh='ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR'",
      "clear",
      "ssh -p 2222 bob@localhost",
    ]);
    await page.getByText("bob joined").waitFor();
    await type(ssh, ["hello from ssh"]);
    await page.getByText("hello from ssh").waitFor();
    await page.keyboard.type("hello from the page");
    await page.keyboard.press("Enter");
    await ssh.waitForTimeout(SETTLE);
    await sideBySide([await page.screenshot(), await ssh.screenshot()], "chat/screenshot.png");
    await page.context().close();
    await ssh.context().close();
  } finally {
    await web.close();
    await room.close();
  }
}

/** Writes one picture of several, on a neutral ground. */
async function sideBySide(pictures: readonly Uint8Array[], file: string): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1160, height: 460 } });
  const images = pictures.map((one) => `<img src="data:image/png;base64,${Buffer.from(one).toString("base64")}">`);
  await page.setContent(`<style>
    body { display: flex; gap: 16px; margin: 0; padding: 16px; width: fit-content; background: #d5d9d8 }
    img { border-radius: 8px }
  </style>${images.join("")}`);
  await page.locator("body").screenshot({ path: join(examples, file) });
  await page.close();
}

async function openPage(options: BrowserContextOptions, url = terminal.url): Promise<Page> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.goto(url);
  await page.locator("input:focus").waitFor();
  return page;
}

async function acceptHostKey(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Accept and remember" }).click();
  await page.locator(".xterm-rows").filter({ hasText: "demo@nacre" }).waitFor();
}

async function type(page: Page, lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    await page.keyboard.type(line);
    await page.keyboard.press("Enter");
    await page.waitForTimeout(TYPING_PAUSE);
  }
}

async function shoot(page: Page, file: string): Promise<void> {
  await page.waitForTimeout(SETTLE);
  await page.screenshot({ path: join(examples, file) });
}

/** Fills the home folder with something to look at. */
function fillHome(home: string): void {
  for (const name of ["projects", "music"]) mkdirSync(join(home, name));
  writeFileSync(join(home, "notes.txt"), "One line of a file.\n".repeat(150));
  const colours = [1, 2, 3, 4, 5, 6].map((i) => `\\033[4${i}m      \\033[10${i}m      `).join("");
  const fade = Array.from({ length: 36 }, (_, i) => `\\033[48;2;${11 + 6 * i};110;${200 - 4 * i}m  `).join("");
  writeFileSync(join(home, "colours.sh"), `printf '${colours}\\033[0m\\n${fade}\\033[0m\\n'\n`, { mode: 0o700 });
  writeFileSync(
    join(home, ".bash_profile"),
    "PS1='\\[\\033[1;32m\\]demo@nacre\\[\\033[0m\\]:\\w$ '\nalias ls='ls --color=always -F'\nunset HISTFILE\n",
  );
}
