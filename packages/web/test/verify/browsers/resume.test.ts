import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { putRemoteFile, removeRemoteFile } from "@nacre/testing/interop/remote-file";
import { fingerprintsOf, useServer } from "@nacre/testing/interop/server";
import { password } from "@nacre/testing/openssh/sshd";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Login } from "./page/connect.ts";
import { startChromium } from "./support/chromium.ts";
import { startFirefox } from "./support/firefox.ts";
import { useSite } from "./support/site.ts";
import { useBrowser } from "./support/use-browser.ts";

const server = useServer();
const place = useSite(() => [server.sshd.port]);
const length = 24 * MIB;
const data = randomData(length);
let file: string;
beforeAll(async () => {
  file = await putRemoteFile(data);
});
afterAll(() => removeRemoteFile(file));

const login = (): Login => ({
  host: "127.0.0.1",
  port: server.sshd.port,
  hostKey: fingerprintsOf(server.sshd),
  password: password(),
});

describe.each([
  ["Chromium", startChromium],
  ["Firefox", startFirefox],
] as const)("a page in %s", (_, start) => {
  const running = useBrowser(start);

  test.each(["up", "down"] as const)(
    "loses its WebSocket five times on the way %s, and keeps its SSH connection",
    async (way) => {
      const plan = { every: MIB, times: 5 };
      const page = await running.browser.open(place.site.origin);
      const earlier = { events: place.site.events.length, log: await server.sshd.log() };
      const transfer =
        way === "up"
          ? await page.call("upload", login(), "sha256sum", length, plan)
          : await page.call("download", login(), `cat ${file}`, length, plan);
      if (way === "up") expect(transfer.stdout).toBe(`${transfer.digest}  -\n`);
      else expect([transfer.digest, transfer.length]).toEqual([sha256(data), length]);

      expect(transfer.observed.changes).toEqual(Array.from({ length: plan.times }, () => ["lost", "restored"]).flat());
      expect(transfer.observed.exchanges).toBe(1);
      const log = (await server.sshd.log()).slice(earlier.log.length);
      expect(log.match(/Connection from|Accepted password for alice/g)).toEqual([
        "Connection from",
        "Accepted password for alice",
      ]);
      const event = await place.site.closedAfter(earlier.events);
      expect(event).toMatchObject({ reason: "client-closed", resumed: plan.times });
    },
  );

  test("tries again while the gateway accepts no WebSocket", async () => {
    const page = await running.browser.open(place.site.origin);
    const plan = { every: MIB, times: 1, refusals: 3 };
    const transfer = await page.call("download", login(), `cat ${file}`, length, plan);
    expect([transfer.digest, transfer.length]).toEqual([sha256(data), length]);
    expect(transfer.observed.changes).toEqual(["lost", "restored"]);
    expect(place.site.refusals).toBe(0);
  });

  test("that is reloaded leaves no connection behind", async () => {
    const page = await running.browser.open(place.site.origin);
    const earlier = place.site.events.length;
    await page.call("logInAndStay", login());
    expect(place.site.open).toEqual({ connections: 1, webSockets: 1 });
    await page.reload();
    expect(await place.site.closedAfter(earlier)).toMatchObject({ reason: "client-closed", detail: "code 1001" });
  });
});
