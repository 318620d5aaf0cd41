import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { putRemoteFile, removeRemoteFile } from "@nacre/testing/interop/remote-file";
import { fingerprintsOf, useServer } from "@nacre/testing/interop/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { password } from "../../../../../scripts/openssh/sshd.ts";
import type { Login } from "./page/connect.ts";
import { startChromium } from "./support/chromium.ts";
import { startFirefox } from "./support/firefox.ts";
import { useSite } from "./support/site.ts";
import { useBrowser } from "./support/use-browser.ts";

const server = useServer();
const place = useSite(() => [server.sshd.port]);
const data = randomData(48 * MIB);
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
const head = (length: number): string => `head -c ${length} ${file}`;

describe.each([
  ["Chromium", startChromium, 48 * MIB],
  ["Firefox", startFirefox, 24 * MIB],
] as const)("a page in %s", (_, start, length) => {
  const running = useBrowser(start);

  test.each(["up", "down"] as const)(
    "loses its WebSocket five times on the way %s, and SSH does not notice",
    async (way) => {
      const plan = { every: length / 12, times: 5 };
      const page = await running.browser.open(place.site.origin);
      const earlier = { events: place.site.events.length, log: await server.sshd.log() };
      const transfer =
        way === "up"
          ? await page.call("upload", login(), "sha256sum", length, plan)
          : await page.call("download", login(), head(length), length, plan);
      if (way === "up") expect(transfer.stdout).toBe(`${transfer.digest}  -\n`);
      else expect([transfer.digest, transfer.length]).toEqual([sha256(data.subarray(0, length)), length]);

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
    const part = data.subarray(0, 4 * MIB);
    const page = await running.browser.open(place.site.origin);
    const plan = { every: MIB, times: 1, refusals: 3 };
    const transfer = await page.call("download", login(), head(part.length), part.length, plan);
    expect([transfer.digest, transfer.length]).toEqual([sha256(part), part.length]);
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
