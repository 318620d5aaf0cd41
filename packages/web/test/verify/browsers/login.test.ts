import { readFile } from "node:fs/promises";
import { makeKey, useFolder } from "@nacre/testing/interop/keys";
import { fingerprintsOf, useServer } from "@nacre/testing/interop/server";
import { authorizeKey, password } from "@nacre/testing/openssh/sshd";
import { describe, expect, test } from "vitest";
import type { Login } from "./page/connect.ts";
import { startChromium } from "./support/chromium.ts";
import { startFirefox } from "./support/firefox.ts";
import { useSite } from "./support/site.ts";
import { useBrowser } from "./support/use-browser.ts";

const server = useServer();
const folder = useFolder();
const place = useSite(() => [server.sshd.port]);
const login = (how: Partial<Login>): Login => ({
  host: "127.0.0.1",
  port: server.sshd.port,
  hostKey: fingerprintsOf(server.sshd),
  ...how,
});

describe.each([
  ["Chromium", startChromium],
  ["Firefox", startFirefox],
] as const)("a page in %s logs in to OpenSSH", (name, start) => {
  const running = useBrowser(start);

  test("with a password, after a post-quantum key exchange", async () => {
    const page = await running.browser.open(place.site.origin);
    const { stdout, kex } = await page.call("run", login({ password: password() }), "whoami");
    expect({ stdout, kex }).toEqual({ stdout: "alice\n", kex: "mlkem768x25519-sha256" });
    expect(await server.sshd.log()).toContain("Accepted password for alice");
  });

  test.each([
    ["ed25519", "ED25519"],
    ["rsa-3072", "RSA"],
  ] as const)("with the text of an %s private key", async (type, logged) => {
    const file = await makeKey(folder, `${name}-${type}`, type);
    await authorizeKey("alice", file.publicKeyLine);
    const page = await running.browser.open(place.site.origin);
    const keyFile = await readFile(file.path, "utf8");
    const { stdout, kex } = await page.call("run", login({ keyFile }), "whoami");
    expect({ stdout, kex }).toEqual({ stdout: "alice\n", kex: "mlkem768x25519-sha256" });
    expect(await server.sshd.log()).toMatch(new RegExp(`Accepted publickey for alice .* ${logged} SHA256:`));
  });

  test("with a WebCrypto key that no script can export, also after the page was reloaded", async () => {
    const page = await running.browser.open(place.site.origin);
    const { authorizedKeysLine, algorithm, exportError } = await page.call("storeNewKey", "laptop");
    expect({ algorithm, exportError }).toEqual({ algorithm: "ssh-ed25519", exportError: "InvalidAccessError" });
    await authorizeKey("alice", authorizedKeysLine);
    for (let visit = 1; visit <= 2; visit++) {
      const { stdout, kex } = await page.call("run", login({ storedKey: "laptop" }), "echo $((40 + 2))");
      expect({ stdout, kex }).toEqual({ stdout: "42\n", kex: "mlkem768x25519-sha256" });
      await page.reload();
    }
  });

  test("in a worker, with a key from IndexedDB", async () => {
    const page = await running.browser.open(place.site.origin);
    const { authorizedKeysLine } = await page.call("storeNewKey", "laptop");
    await authorizeKey("alice", authorizedKeysLine);
    const { stdout } = await page.callInWorker("run", login({ storedKey: "laptop" }), "whoami");
    expect(stdout).toBe("alice\n");
  });

  test("not with a wrong password, which rejects with auth-failed", async () => {
    const page = await running.browser.open(place.site.origin);
    await expect(page.call("run", login({ password: "wrong" }), "whoami")).rejects.toMatchObject({
      code: "auth-failed",
    });
  });
});
