import { fingerprintsOf, useServer } from "@nacre/testing/interop/server";
import { authorizeKey } from "@nacre/testing/openssh/sshd";
import type { CDPSession } from "playwright";
import { expect, test } from "vitest";
import type { Login } from "./page/connect.ts";
import { launchChromium, openPage, pageOf } from "./support/chromium.ts";
import { useSite } from "./support/site.ts";
import type { TestPage } from "./support/test-page.ts";
import { useBrowser } from "./support/use-browser.ts";

// Chromium's virtual authenticator signs in the place of a security key or a phone.

const server = useServer({ config: ["PubkeyAcceptedAlgorithms +webauthn-sk-ecdsa-sha2-nistp256@openssh.com"] });
const place = useSite(() => [server.sshd.port]);
const running = useBrowser(launchChromium);
const login = (): Login => ({
  host: "127.0.0.1",
  port: server.sshd.port,
  hostKey: fingerprintsOf(server.sshd),
  passkey: true,
});

/** Opens a page with a virtual authenticator. It confirms prompts until `setPresent(false)`. */
async function openWithAuthenticator(): Promise<{
  readonly page: TestPage;
  readonly setPresent: (isPresent: boolean) => Promise<void>;
}> {
  const page = await openPage(running.browser, place.site.origin);
  const cdp: CDPSession = await page.context().newCDPSession(page);
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
  const setPresent = async (enabled: boolean): Promise<void> =>
    void (await cdp.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled }));
  return { page: pageOf(page), setPresent };
}

test("a page in Chromium logs in to OpenSSH with a passkey, also after the page was reloaded", async () => {
  const { page } = await openWithAuthenticator();
  await authorizeKey("alice", await page.call("makePasskey", "alice's phone"));
  for (let visit = 1; visit <= 2; visit++) {
    const { stdout, kex } = await page.call("run", login(), "whoami");
    expect({ stdout, kex }).toEqual({ stdout: "alice\n", kex: "mlkem768x25519-sha256" });
    await page.reload();
  }
  expect((await server.sshd.log()).match(/Accepted publickey for alice .* ECDSA-SK SHA256:/g)).toHaveLength(2);
});

test("a passkey that verifies its user satisfies verify-required", async () => {
  const { page } = await openWithAuthenticator();
  await authorizeKey("alice", `verify-required ${await page.call("makePasskey", "verified")}`);
  expect((await page.call("run", login(), "whoami")).stdout).toBe("alice\n");
});

test("an aborted login closes the browser's prompt, and the next login can prompt", async () => {
  const { page, setPresent } = await openWithAuthenticator();
  await authorizeKey("alice", await page.call("makePasskey", "left alone"));
  await setPresent(false);
  // The browser rejects the prompt with the reason of the abort: the login's error.
  expect(await page.call("abortAtPrompt", login())).toEqual({ loginError: "aborted", promptError: "SshError" });
  await setPresent(true);
  expect((await page.call("run", login(), "whoami")).stdout).toBe("alice\n");
});

test("a passkey that OpenSSH does not know is refused", async () => {
  const { page } = await openWithAuthenticator();
  await page.call("makePasskey", "unknown");
  await expect(page.call("run", login(), "whoami")).rejects.toMatchObject({ code: "auth-failed" });
});
