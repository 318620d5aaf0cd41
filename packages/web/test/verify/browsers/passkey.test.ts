import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SIGNATURE_FLAGS } from "@nacre/keys";
import { authorizedKeys } from "@nacre/node";
import { useOurServer } from "@nacre/testing/interop/our-server";
import { fingerprintsOf, useServer } from "@nacre/testing/interop/server";
import { authorizeKey } from "@nacre/testing/openssh/sshd";
import type { Authenticate, PublickeyLogin } from "nacre";
import { beforeEach, describe, expect, test } from "vitest";
import type { Login } from "./page/connect.ts";
import { launchChromium, openWithAuthenticator } from "./support/chromium.ts";
import { useSite } from "./support/site.ts";
import { useBrowser } from "./support/use-browser.ts";

// Chromium's virtual authenticator signs in the place of a security key or a phone.

const server = useServer({ config: ["PubkeyAcceptedAlgorithms +webauthn-sk-ecdsa-sha2-nistp256@openssh.com"] });
const nacre = useOurServer({ authenticate: (login) => authenticate(login) });
const place = useSite(() => [server.sshd.port, nacre.port]);
const running = useBrowser(launchChromium);
const login = (): Login => ({
  host: "127.0.0.1",
  port: server.sshd.port,
  hostKey: fingerprintsOf(server.sshd),
  passkey: true,
});

test("a page in Chromium logs in to OpenSSH with a passkey, also after the page was reloaded", async () => {
  const { page } = await openWithAuthenticator(running.browser, place.site.origin);
  await authorizeKey("alice", await page.call("makePasskey", "alice's phone"));
  for (let visit = 1; visit <= 2; visit++) {
    const { stdout, kex } = await page.call("run", login(), "whoami");
    expect({ stdout, kex }).toEqual({ stdout: "alice\n", kex: "mlkem768x25519-sha256" });
    await page.reload();
  }
  expect((await server.sshd.log()).match(/Accepted publickey for alice .* ECDSA-SK SHA256:/g)).toHaveLength(2);
});

test("a passkey that verifies its user satisfies verify-required", async () => {
  const { page } = await openWithAuthenticator(running.browser, place.site.origin);
  await authorizeKey("alice", `verify-required ${await page.call("makePasskey", "verified")}`);
  expect((await page.call("run", login(), "whoami")).stdout).toBe("alice\n");
});

test("an aborted login closes the browser's prompt, and the next login can prompt", async () => {
  const { page, setPresent } = await openWithAuthenticator(running.browser, place.site.origin);
  await authorizeKey("alice", await page.call("makePasskey", "left alone"));
  await setPresent(false);
  // The browser rejects the prompt with the reason of the abort: the login's error.
  expect(await page.call("abortAtPrompt", login())).toEqual({ loginError: "aborted", promptError: "SshError" });
  await setPresent(true);
  expect((await page.call("run", login(), "whoami")).stdout).toBe("alice\n");
});

test("a passkey that OpenSSH does not know is refused", async () => {
  const { page } = await openWithAuthenticator(running.browser, place.site.origin);
  await page.call("makePasskey", "unknown");
  await expect(page.call("run", login(), "whoami")).rejects.toMatchObject({ code: "auth-failed" });
});

/** Signed logins at the Nacre server. */
const seen: PublickeyLogin[] = [];

/** Accepts the keys of a file, from pages of the site. Another page of the same domain can use the same passkey. */
const authenticate: Authenticate = (login) => {
  if (login.method !== "publickey") return false;
  if (login.signed) seen.push(login);
  if (login.signed && login.origin !== place.site.origin) return false;
  return authorizedKeys("~/authorized_keys", { home: nacre.folder.path })(login);
};

const loginAtNacre = (): Login => ({
  host: "127.0.0.1",
  port: nacre.port,
  hostKey: fingerprintsOf({ hostPublicKeys: nacre.hostKeyLines }),
  passkey: true,
});
const authorize = (line: string): Promise<void> =>
  writeFile(join(nacre.folder.path, "authorized_keys"), `${line}\n`, { mode: 0o600 });

describe("a page in Chromium logs in to a Nacre server", () => {
  const other = useSite(() => [nacre.port]);
  beforeEach(() => void seen.splice(0));

  test("with a passkey, whose origin and flags the application sees", async () => {
    const { page } = await openWithAuthenticator(running.browser, place.site.origin);
    await authorize(`verify-required ${await page.call("makePasskey", "alice's phone")}`);
    expect((await page.call("run", loginAtNacre(), "echo $((40 + 2))")).stdout).toBe("42\n");
    const algorithm = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
    expect(seen).toMatchObject([{ user: "alice", algorithm, origin: place.site.origin }]);
    const { userPresent, userVerified } = SIGNATURE_FLAGS;
    expect(seen[0]!.flags! & (userPresent | userVerified)).toBe(userPresent | userVerified);
  });

  test("not with a passkey that its file does not have", async () => {
    const { page } = await openWithAuthenticator(running.browser, place.site.origin);
    await authorize(await page.call("makePasskey", "known"));
    await page.call("makePasskey", "unknown");
    await expect(page.call("run", loginAtNacre(), "true")).rejects.toMatchObject({ code: "auth-failed" });
    expect(seen).toEqual([]);
  });

  test("not from a page of another origin, although the browser lets it use the passkey", async () => {
    const { page, visit } = await openWithAuthenticator(running.browser, place.site.origin);
    await authorize(await page.call("makePasskey", "alice's phone"));
    await visit(other.site.origin);
    await expect(page.call("run", loginAtNacre(), "true")).rejects.toMatchObject({ code: "auth-failed" });
    expect(seen).toMatchObject([{ user: "alice", origin: other.site.origin }]);
  });
});
