import { once } from "node:events";
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from "node:net";
import { fingerprintsOf, useServer } from "@nacre/testing/interop/server";
import { password } from "@nacre/testing/openssh/sshd";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startChromium } from "./support/chromium.ts";
import { useSite } from "./support/site.ts";
import { useBrowser } from "./support/use-browser.ts";

// A tap between the gateway and OpenSSH records all bytes that the gateway relays.

const server = useServer();
const recorded: Buffer[] = [];
const sockets = new Set<Socket>();
let tap: Server;
beforeAll(async () => {
  tap = createServer((near) => {
    const far = dial(server.sshd.port, server.sshd.host);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("data", (chunk) => recorded.push(chunk));
      from.on("error", () => to.destroy());
      from.pipe(to);
    }
  });
  tap.listen(0, "127.0.0.1");
  await once(tap, "listening");
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  tap.close();
  await once(tap, "close");
});
const place = useSite(() => [(tap.address() as AddressInfo).port]);
const running = useBrowser(startChromium);

test("a gateway relays neither the user name, the password, the command nor its output in plain text", async () => {
  const page = await running.browser.open(place.site.origin);
  const { port } = tap.address() as AddressInfo;
  const login = { host: "127.0.0.1", port, hostKey: fingerprintsOf(server.sshd), password: password() };
  const { stdout } = await page.call("run", login, "echo $(whoami) reads a well-known text");
  expect(stdout).toBe("alice reads a well-known text\n");

  const relayed = Buffer.concat(recorded);
  expect(relayed.includes("SSH-2.0-OpenSSH")).toBe(true);
  expect(relayed.includes("mlkem768x25519-sha256")).toBe(true);
  for (const secret of ["alice", password(), "whoami", "well-known text"]) expect(relayed.includes(secret)).toBe(false);
});
