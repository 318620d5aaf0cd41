import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FileSystem, memoryFileSystem, sftpServer } from "@nacre/files/server";
import { connect, hostKeyFile, type ListenOptions, listen, type Sftp } from "@nacre/node";
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Example, logIn, submitPassword, useChromium } from "./browser.ts";

const tools = useChromium();
const { openExample, openPage } = tools;

/** Files of the user. */
let local: string;
const FILES = {
  "big.bin": randomBytes(3_000_001),
  "tree/a.txt": Buffer.from("one"),
  "tree/deep/b.bin": randomBytes(70_000),
};

/** Length in bytes of a file that is longer than everything the page sends ahead. */
const HUGE = 24_000_000;

beforeAll(() => {
  local = mkdtempSync(join(tmpdir(), "nacre-files-"));
  mkdirSync(join(local, "tree/deep"), { recursive: true });
  for (const [name, bytes] of Object.entries(FILES)) writeFileSync(join(local, name), bytes);
  writeFileSync(join(local, "huge.bin"), new Uint8Array(HUGE));
});
afterAll(() => rmSync(local, { recursive: true, force: true }));

/** Opens SFTP to the example's own server, past the page. Closed at the end of the test. */
async function sftpTo({ ssh }: Example): Promise<Sftp> {
  const client = await connect({
    host: "127.0.0.1",
    port: ssh.port,
    user: "demo",
    password: ssh.password,
    hostKey: ssh.fingerprint,
  });
  onTestFinished(() => client.close());
  return client.sftp();
}

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Logs in and opens the panel. */
async function openPanel(example: Example, options: Parameters<typeof openPage>[1] = {}): Promise<Page> {
  const page = await openPage(example, options);
  await logIn(page, example);
  await page.getByRole("button", { name: "Files", exact: true }).click();
  return page;
}

/** Returns the texts of the rows of the list. */
function rows(page: Page): Promise<string[]> {
  return page.locator("#files-entries th").allInnerTexts();
}

/** Returns a row of the list of transfers. */
function transfer(page: Page, name: string): ReturnType<Page["locator"]> {
  return page.getByRole("list", { name: "Transfers" }).getByRole("listitem").filter({ hasText: name });
}

/** Drops files or folders on the panel, as the browser does for the user. */
async function drop(page: Page, names: readonly string[]): Promise<void> {
  const { x, y } = (await page.locator("#files-list").boundingBox())!;
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: names.map((name) => join(local, name)), dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await session.send("Input.dispatchDragEvent", { type, x: x + 20, y: y + 20, data });
}

describe("the list", () => {
  test("shows names, sizes and dates, and is navigated with the keyboard", async () => {
    const example = await openExample();
    const sftp = await sftpTo(example);
    const home = await sftp.realpath(".");
    await sftp.mkdir("docs");
    await sftp.writeFile("docs/inside.txt", "x");
    await sftp.writeFile("notes\u202e.txt", "x".repeat(2048));
    await sftp.utimes("notes\u202e.txt", new Date(2024, 1, 29), new Date(2024, 1, 29));
    await sftp.symlink("docs", "way");
    const page = await openPanel(example);
    await page.getByRole("row", { name: "docs" }).waitFor();
    const names = (await rows(page)).filter((name) => !name.startsWith("."));
    expect(names).toEqual(["docs", "way\nlink", "notes\\u{202e}.txt"]);
    const notes = page.getByRole("row", { name: "notes" });
    expect(await notes.getByRole("cell").allInnerTexts()).toEqual(["2.0 KiB", "Feb 29, 2024", ""]);
    expect(await page.getByRole("complementary", { name: "Files of the host" }).ariaSnapshot()).toContain(
      'button "Download notes\\\\u{202e}.txt"',
    );

    await page.getByRole("button", { name: "way", exact: true }).press("Enter");
    await page.getByRole("row", { name: "inside.txt" }).waitFor();
    // The focus is in the new list, so that the next Tab reaches its entries.
    expect(await page.evaluate(() => document.activeElement!.id)).toBe("files-list");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement!.getAttribute("aria-label"))).toBe("Download inside.txt");
    const folder = page.getByRole("navigation", { name: "Folder" });
    await folder.locator("[aria-current=location]").getByText("docs").waitFor();
    await folder.getByRole("listitem").nth(-2).getByRole("button").press("Enter");
    await page.getByRole("row", { name: "notes" }).waitFor();
    expect(await page.locator("#files-status").innerText()).toBe(`Folder ${home}`);

    await sftp.writeFile("later.txt", "");
    await page.getByRole("button", { name: "Refresh" }).click();
    await page.getByRole("row", { name: "later.txt" }).waitFor();
  });

  test("says so when a folder is gone, and keeps the old one", async () => {
    const example = await openExample();
    const sftp = await sftpTo(example);
    await sftp.mkdir("gone");
    const page = await openPanel(example);
    const entry = page.getByRole("button", { name: "gone", exact: true });
    await entry.waitFor();
    await sftp.rmdir("gone");
    await entry.click();
    await page.getByRole("alert").filter({ hasText: "gone" }).waitFor();
    expect(await entry.isVisible()).toBe(true);
  });

  test("says so when the host offers no file transfer", async () => {
    const page = await openPanelOfOther({});
    await page.getByRole("alert").filter({ hasText: "This host offers no file transfer (SFTP)." }).waitFor();
  });
});

describe("uploads", () => {
  test("a file and a folder that are dropped on the panel arrive whole", async () => {
    const example = await openExample();
    const sftp = await sftpTo(example);
    const page = await openPanel(example);
    await page.getByRole("navigation", { name: "Folder" }).getByRole("button").first().waitFor();
    await drop(page, ["big.bin", "tree"]);
    await transfer(page, "big.bin").getByText("1 file uploaded, 2.9 MiB").waitFor();
    await transfer(page, "tree").getByText("2 files uploaded, 68.4 KiB").waitFor();
    for (const [name, bytes] of Object.entries(FILES)) expect(digest(await sftp.readFile(name))).toBe(digest(bytes));
    // The list shows them without a refresh by the user.
    await page.getByRole("row", { name: "big.bin" }).waitFor();
    await page.getByRole("button", { name: "Clear finished" }).click();
    expect(await page.getByRole("heading", { name: "Transfers" }).isVisible()).toBe(false);
  });

  test("files and a folder that are chosen replace what exists only after consent", async () => {
    const example = await openExample();
    const sftp = await sftpTo(example);
    await sftp.writeFile("big.bin", "old");
    await sftp.mkdir("tree");
    await sftp.writeFile("tree/kept", "kept");
    const page = await openPanel(example);
    await page.getByRole("row", { name: "tree" }).waitFor();
    const choose = async (button: string, name: string): Promise<void> => {
      const chooser = page.waitForEvent("filechooser");
      await page.getByRole("button", { name: button }).click();
      await (await chooser).setFiles(join(local, name));
    };
    const question = page.getByRole("dialog", { name: "Replace on the host?" });

    await choose("Upload files", "big.bin");
    await question.getByText("big.bin").waitFor();
    // Enter must not replace by accident.
    await page.keyboard.press("Enter");
    await question.waitFor({ state: "hidden" });
    expect(await sftp.readFile("big.bin", "utf8")).toBe("old");
    await choose("Upload files", "big.bin");
    await question.getByRole("button", { name: "Replace" }).click();
    await transfer(page, "big.bin").getByText("1 file uploaded").waitFor();
    expect(digest(await sftp.readFile("big.bin"))).toBe(digest(FILES["big.bin"]));

    await choose("Upload a folder", "tree");
    await question.getByRole("button", { name: "Replace" }).click();
    await transfer(page, "tree").getByText("2 files uploaded").waitFor();
    expect((await sftp.readdir("tree")).sort()).toEqual(["a.txt", "deep", "kept"]);
  });

  test("show their progress, and leave nothing on the host when they are cancelled", async () => {
    const fileSystem = memoryFileSystem();
    const page = await openPanelOfOther({ sftp: sftpServer(slow(fileSystem, "write", 250)) });
    await page.getByText("This folder is empty.").waitFor();
    await drop(page, ["huge.bin", "tree"]);
    const row = transfer(page, "huge.bin");
    await row.getByText(/^\S+ MiB of 22\.9 MiB · \S+ [KM]iB\/s · \d+ (?:s|min) left$/).waitFor();
    const bar = row.getByRole("progressbar", { name: "Progress of huge.bin" });
    const { value, max } = await bar.evaluate(({ value, max }: HTMLProgressElement) => ({ value, max }));
    expect(max).toBe(HUGE);
    expect(value).toBeGreaterThan(0);
    expect(value).toBeLessThan(HUGE);
    await transfer(page, "tree").getByText("Waiting").waitFor();

    for (const name of ["tree", "huge.bin"]) await page.getByRole("button", { name: `Cancel ${name}` }).click();
    for (const name of ["tree", "huge.bin"]) await transfer(page, name).getByText("Cancelled").waitFor();
    await expect.poll(() => namesIn(fileSystem), { timeout: 20_000 }).toEqual([]);
    // The panel still works.
    await page.getByRole("button", { name: "Refresh" }).click();
    await page.getByText("This folder is empty.").waitFor();
  });
});

describe("downloads", () => {
  const DIGESTS = Object.fromEntries(Object.entries(FILES).map(([name, bytes]) => [name, digest(bytes)]));

  test("a file and a folder are saved whole where the user chooses", async () => {
    const example = await openExample();
    const sftp = await sftpTo(example);
    await sftp.mkdir("tree/deep", { recursive: true });
    for (const [name, bytes] of Object.entries(FILES)) await sftp.writeFile(name, bytes);
    const page = await openPanel(example);
    await answerDialogs(page);
    await page.getByRole("button", { name: "Download big.bin" }).click();
    await transfer(page, "big.bin").getByText("1 file downloaded, 2.9 MiB").waitFor();
    await page.getByRole("button", { name: "Download tree" }).click();
    await transfer(page, "tree").getByText("2 files downloaded, 68.4 KiB").waitFor();
    await expect.poll(() => saved(page), { timeout: 20_000 }).toEqual(DIGESTS);
  });

  test("a file reaches the downloads of a browser without dialogs, whose folders cannot be saved", async () => {
    const example = await openExample();
    const sftp = await sftpTo(example);
    await sftp.writeFile("big.bin", FILES["big.bin"]);
    await sftp.mkdir("tree");
    const page = await openPage(example);
    await page.evaluate(() =>
      Object.assign(globalThis, { showSaveFilePicker: undefined, showDirectoryPicker: undefined }),
    );
    await logIn(page, example);
    await page.getByRole("button", { name: "Files", exact: true }).click();
    const arriving = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download big.bin" }).click();
    const arrived = await arriving;
    expect(arrived.suggestedFilename()).toBe("big.bin");
    expect(digest(readFileSync(await arrived.path()))).toBe(DIGESTS["big.bin"]);
    const folder = page.getByRole("button", { name: "Download tree" });
    expect(await folder.isDisabled()).toBe(true);
    expect(await folder.getAttribute("title")).toContain("cannot save folders");
  });

  test("leave nothing half-done when they are cancelled", async () => {
    const fileSystem = memoryFileSystem();
    const file = await fileSystem.open("big.bin", NEW_FILE, {});
    await file.write(0, FILES["big.bin"]);
    await file.close();
    const page = await openPanelOfOther({ sftp: sftpServer(slow(fileSystem, "read", 50)) });
    await answerDialogs(page);
    await page.getByRole("button", { name: "Download big.bin" }).click();
    await transfer(page, "big.bin")
      .getByText(/ of 2\.9 MiB · .*\/s · .* left$/)
      .waitFor();
    await page.getByRole("button", { name: "Cancel big.bin" }).click();
    await transfer(page, "big.bin").getByText("Cancelled").waitFor();
    await expect.poll(() => saved(page), { timeout: 20_000 }).toEqual({});
  });
});

test("the panel covers the terminal on a phone, and nothing is wider than the screen", async () => {
  const { example } = tools;
  const sftp = await sftpTo(example);
  await sftp.writeFile(`${"long-name-".repeat(20)}.txt`, "x");
  const page = await openPanel(example, { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true });
  await page.getByRole("row", { name: "long-name" }).waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  expect(await page.locator("#files").evaluate((one) => one.getBoundingClientRect().width)).toBe(390);
  for (const name of ["Upload files", "Upload a folder", "Refresh", "Download long"])
    expect(await page.getByRole("button", { name }).evaluate((one) => one.getBoundingClientRect().right <= 390)).toBe(
      true,
    );
  await page.getByRole("button", { name: "Files", exact: true }).tap();
  expect(await page.locator("#files").isVisible()).toBe(false);
});

const NEW_FILE = { read: false, write: true, append: false, create: true, truncate: false, exclusive: false };

/** Opens the panel of another host with these subsystems, whose shells print nothing. */
async function openPanelOfOther(subsystems: ListenOptions["subsystems"]): Promise<Page> {
  const folder = mkdtempSync(join(tmpdir(), "nacre-host-"));
  const server = await listen({
    port: 0,
    hostKeys: [await hostKeyFile(join(folder, "host_key"))],
    methods: ["password"],
    authenticate: () => true,
    acceptPty: true,
    subsystems,
    session: async ({ signal }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  });
  onTestFinished(async () => {
    await server.close({ grace: 0 });
    rmSync(folder, { recursive: true });
  });
  const { port } = server.address;
  const example = await openExample({
    destinations: [{ host: "127.0.0.1", port, user: "alice", allow: `127.0.0.1:${port}` }],
  });
  const page = await openPage(example);
  await submitPassword(page, "any");
  await page.getByRole("button", { name: "Accept and remember" }).click();
  await page.getByRole("button", { name: "Files", exact: true }).click();
  return page;
}

/** Returns a file system that moves the bytes of one block after the other, at a rate in bytes a millisecond. */
function slow(fileSystem: FileSystem, method: "read" | "write", rate: number): FileSystem {
  let turn = Promise.resolve();
  const pause = (length: number): Promise<void> => {
    turn = turn.then(() => new Promise((resolve) => setTimeout(resolve, length / rate)));
    return turn;
  };
  return new Proxy(fileSystem, {
    get(target, name) {
      // The methods use private fields, so they must run on the original.
      const value: unknown = Reflect.get(target, name, target);
      if (name !== "open") return typeof value === "function" ? (value.bind(target) as unknown) : value;
      return async (...words: Parameters<FileSystem["open"]>) => {
        const file = await target.open(...words);
        const read = file.read.bind(file);
        const write = file.write.bind(file);
        if (method === "read") file.read = (offset, length) => pause(length).then(() => read(offset, length));
        else file.write = (offset, data) => pause(data.length).then(() => write(offset, data));
        return file;
      };
    },
  });
}

async function namesIn(fileSystem: FileSystem): Promise<string[]> {
  const directory = await fileSystem.opendir("/");
  const names: string[] = [];
  for (let batch = await directory.read(); batch.length > 0; batch = await directory.read())
    names.push(...batch.map(({ name }) => name));
  await directory.close();
  return names;
}

/** Replaces the browser's dialogs, which no test can answer: the user chooses an entry of the origin-private file system. */
function answerDialogs(page: Page): Promise<void> {
  return page.evaluate(() => {
    const root = navigator.storage.getDirectory();
    Object.assign(globalThis, {
      showSaveFilePicker: async ({ suggestedName }: { readonly suggestedName: string }) =>
        (await root).getFileHandle(suggestedName, { create: true }),
      showDirectoryPicker: () => root,
    });
  });
}

/** Reads the files that were saved: SHA-256 digests by path. */
function saved(page: Page): Promise<Record<string, string>> {
  return page.evaluate(async () => {
    const found: Record<string, string> = {};
    const folders: [FileSystemDirectoryHandle, string][] = [[await navigator.storage.getDirectory(), ""]];
    for (const [folder, prefix] of folders)
      for await (const [name, handle] of folder.entries()) {
        if (handle.kind === "directory") {
          folders.push([handle, `${prefix}${name}/`]);
          continue;
        }
        const hash = await crypto.subtle.digest("SHA-256", await (await handle.getFile()).arrayBuffer());
        found[prefix + name] = Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
      }
    return found;
  });
}
