import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright";
import { afterEach, describe, expect, test } from "vitest";
import { connected, logIn, screenShows, type, useChromium } from "./browser.ts";

const tools = useChromium();
const { openExample, openPage } = tools;
afterEach(() => rmSync(join(tools.example.home, ".ssh"), { recursive: true, force: true }));

const choose = (page: Page, method: string): Promise<void> => page.getByRole("radio", { name: method }).check();

test("a key that the page makes and adds to the host logs in without a password", async () => {
  const { example } = tools;
  const page = await openPage(example);
  await logIn(page, example);
  for (let i = 0; i < 2; i++) {
    await page.getByRole("button", { name: "Add this browser’s key" }).click();
    await page.getByText("Added. Choose “Browser key” at the next login.").waitFor();
  }
  const authorized = readFileSync(join(example.home, ".ssh/authorized_keys"), "utf8");
  expect(authorized).toMatch(/^(?:ssh-ed25519|ecdsa-sha2-nistp256) \S+ browser-key@localhost\n$/);
  await page.getByRole("button", { name: "Disconnect" }).click();

  // After a reload, the key comes from IndexedDB.
  await page.reload();
  await choose(page, "Browser key");
  await page.locator("#browser-key code").waitFor();
  expect(`${await page.locator("#browser-key code").textContent()}\n`).toBe(authorized);
  await page.getByRole("button", { name: "Connect" }).click();
  await connected(page);
  await type(page, "echo with a key");
  await screenShows(page, "with a key");

  expect(await privateKeysOf(page)).toEqual([{ type: "private", extractable: false }]);
});

test("a key is made, copied and deleted in the login form", async () => {
  const { example } = tools;
  const page = await openPage(example, { permissions: ["clipboard-read", "clipboard-write"] });
  await choose(page, "Browser key");
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByRole("alert").filter({ hasText: "Make a key first" }).waitFor();
  await page.getByRole("button", { name: "Make a key" }).click();
  await page.getByRole("button", { name: "Copy line" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  const line = await page.evaluate(() => navigator.clipboard.readText());
  expect(line).toBe(await page.locator("#browser-key code").textContent());

  // The embedded server accepts it once the line is in authorized_keys.
  mkdirSync(join(example.home, ".ssh"), { mode: 0o700 });
  appendFileSync(join(example.home, ".ssh/authorized_keys"), `${line}\n`, { mode: 0o600 });
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByRole("button", { name: "Accept and remember" }).click();
  await connected(page);
  await page.getByRole("button", { name: "Disconnect" }).click();

  page.once("dialog", (dialog) => void dialog.accept());
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Make a key" }).waitFor();
  expect(await privateKeysOf(page)).toEqual([]);
});

describe("in the page's own words, it says why a key", () => {
  test("cannot be made", async () => {
    const { example } = tools;
    const page = await openPage(example);
    const { href } = Object.assign(new URL(example.url), { hostname: "127.0.0.1" });
    await page.goto(href);
    await choose(page, "Passkey");
    await page.getByRole("button", { name: "Make a passkey" }).click();
    await page.locator("#passkey .problem").filter({ hasText: "Passkeys do not work at the IP address" }).waitFor();
    await page.getByRole("button", { name: "Make a passkey" }).waitFor();
  });

  test("cannot be deleted, and shows the key that is still there", async () => {
    const page = await openPage(tools.example);
    await choose(page, "Browser key");
    await page.getByRole("button", { name: "Make a key" }).click();
    const line = await page.locator("#browser-key code").textContent();
    await page.evaluate(() => {
      IDBObjectStore.prototype.delete = () => {
        throw new DOMException("Internal error.", "UnknownError");
      };
    });
    page.once("dialog", (dialog) => void dialog.accept());
    await page.getByRole("button", { name: "Delete" }).click();
    await page.locator("#browser-key .problem").filter({ hasText: "Allow this site to store data" }).waitFor();
    expect(await page.locator("#browser-key code").textContent()).toBe(line);
  });

  test("cannot be added on the host, because the connection was lost", async () => {
    const example = await openExample();
    const page = await openPage(example);
    await logIn(page, example);
    // The command gets no answer.
    example.swallow();
    await page.getByRole("button", { name: "Add this browser’s key" }).click();
    await example.ssh.close();
    const problem = `127.0.0.1 port ${example.ssh.port} ended the connection. Log in again`;
    await page.locator("#install-result").filter({ hasText: problem }).waitFor();
  });
});

test("an encrypted key file that is dropped on the form logs in", async () => {
  const { example } = tools;
  const file = join(example.home, "id_test");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-a", "2", "-N", "open sesame", "-C", "test", "-f", file]);
  mkdirSync(join(example.home, ".ssh"), { mode: 0o700 });
  appendFileSync(join(example.home, ".ssh/authorized_keys"), readFileSync(`${file}.pub`), { mode: 0o600 });
  const page = await openPage(example);
  await choose(page, "Key file");
  const text = readFileSync(file, "utf8");
  const dropped = await page.evaluateHandle((content) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([content], "id_test"));
    return transfer;
  }, text);
  await page.getByLabel("Private key").dispatchEvent("drop", { dataTransfer: dropped });
  await expect.poll(() => page.getByLabel("Private key").inputValue(), { timeout: 15_000 }).toBe(text);
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByRole("alert").filter({ hasText: "passphrase" }).waitFor();
  await page.getByLabel("Passphrase, if encrypted").fill("open sesame");
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByRole("button", { name: "Accept and remember" }).click();
  await connected(page);
  // The form keeps no secret.
  expect(await page.locator("#key-text").inputValue()).toBe("");
  expect(await page.locator("#passphrase").inputValue()).toBe("");
});

test("a passkey is made with its authorized_keys line, and the embedded server refuses it", async () => {
  const { example } = tools;
  const page = await openPage(example);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  await choose(page, "Passkey");
  await page.getByRole("button", { name: "Make a passkey" }).click();
  await page
    .locator("#passkey code")
    .filter({ hasText: /^sk-ecdsa-sha2-nistp256@openssh\.com \S+ passkey@localhost$/ })
    .waitFor();
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByRole("button", { name: "Accept and remember" }).click();
  await page.getByRole("alert").filter({ hasText: "The demo server does not verify passkeys yet" }).waitFor();
});

/** Returns what IndexedDB has of private keys. */
function privateKeysOf(page: Page): Promise<{ readonly type: string; readonly extractable: boolean }[]> {
  return page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const opening = indexedDB.open("nacre-keys");
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const [store = ""] = opening.result.objectStoreNames;
          const reading: IDBRequest<{ readonly privateKeys: Record<string, CryptoKey> }[]> = opening.result
            .transaction(store)
            .objectStore(store)
            .getAll();
          reading.onerror = () => reject(reading.error);
          reading.onsuccess = () => {
            opening.result.close();
            resolve(
              reading.result.flatMap(({ privateKeys }) =>
                Object.values(privateKeys).map(({ type, extractable }) => ({ type, extractable })),
              ),
            );
          };
        };
      }),
  );
}
