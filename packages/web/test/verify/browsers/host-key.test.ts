import { fingerprintsOf } from "@nacre/testing/interop/server";
import { password, type Sshd, startSshd } from "@nacre/testing/openssh/sshd";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Login } from "./page/connect.ts";
import { startChromium } from "./support/chromium.ts";
import { useSite } from "./support/site.ts";
import { useBrowser } from "./support/use-browser.ts";

let sshd: Sshd;
beforeAll(async () => {
  sshd = await startSshd({ hostKeys: ["ed25519"] });
});
afterAll(() => sshd.stop());
const place = useSite(() => [sshd.port]);
const running = useBrowser(startChromium);
const login = (acceptUnknown: boolean): Login => ({
  host: "127.0.0.1",
  port: sshd.port,
  password: password(),
  acceptUnknown,
});

test("an unknown host key is shown with its fingerprint, and is refused unless the user accepts it", async () => {
  const page = await running.browser.open(place.site.origin);
  await expect(page.call("run", login(false), "whoami")).rejects.toMatchObject({ code: "host-key-refused" });
  const { stdout, observed } = await page.call("run", login(true), "whoami");
  expect(stdout).toBe("alice\n");
  const { randomart, ...asked } = observed.asked[0]!;
  const fingerprint = fingerprintsOf(sshd)[0];
  expect(asked).toEqual({ host: "127.0.0.1", port: sshd.port, algorithm: "ssh-ed25519", fingerprint });
  expect(randomart).toMatch(/^\+-+\[ED25519 256\]-*\+\n(?:\|.{17}\|\n){9}\+-+\[SHA256\]-+\+$/);
});

test("an accepted host key is known to later pages, and a changed one is refused without a question", async () => {
  const page = await running.browser.open(place.site.origin);
  await page.call("run", login(true), "whoami");
  await page.reload();
  const { stdout, observed } = await page.call("run", login(false), "whoami");
  expect({ stdout, asked: observed.asked }).toEqual({ stdout: "alice\n", asked: [] });

  const { port } = sshd;
  await sshd.stop();
  sshd = await startSshd({ hostKeys: ["ed25519"], port });
  const refused = page.call("run", login(true), "whoami");
  await expect(refused).rejects.toMatchObject({ code: "host-key-changed" });
  await expect(refused).rejects.toThrow(fingerprintsOf(sshd)[0]!);
  expect(await sshd.log()).not.toContain("Accepted password");
});
