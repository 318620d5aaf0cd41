import { randomBytes } from "node:crypto";
import { fingerprintsOf, useServer } from "@nacre/testing/interop/server";
import { failure } from "@nacre/testing/nacre/outcomes";
import { password } from "@nacre/testing/openssh/sshd";
import { connect } from "@nacre/web";
import { expect, test } from "vitest";
import { formatEvent, type GatewayEvent, memoryTicketStore, type TicketStore } from "../../src/index.ts";
import { startGateway } from "../support.ts";
import { Tap, tappedPort, tappedWebSocket } from "../tap.ts";

const server = useServer();

/** A ticket store that records its keys and values. */
function tappedStore(tap: Tap): TicketStore {
  const store = memoryTicketStore();
  return {
    ...store,
    put: (key, value, ttl) => {
      tap.record("store", Buffer.from(`${key} ${value}\n`));
      return store.put(key, value, ttl);
    },
  };
}

/** Starts a gateway in front of sshd, with taps on both of its sides and on its log, and gets the page's cookie and ticket. */
async function tappedGateway(isPlain: boolean) {
  const tap = new Tap();
  let gatewayPort = 0;
  const near = await tappedPort(tap, "client", () => ({ host: "127.0.0.1", port: gatewayPort }));
  const far = await tappedPort(tap, "destination", () => server.sshd);
  const origin = `http://127.0.0.1:${near}`;
  const destination = `127.0.0.1:${far}`;
  const { gateway, port } = await startGateway({
    origins: [origin],
    hosts: [`127.0.0.1:${near}`],
    allow: [destination],
    ...(isPlain && { plain: destination }),
    authorize: () => true,
    tickets: tappedStore(tap),
    log: (event: GatewayEvent) => {
      for (const kind of ["text", "json"] as const)
        tap.record("log", Buffer.from(`${formatEvent(event, kind, new Date())}\n`));
    },
  });
  gatewayPort = port;
  const page = await fetch(`${origin}/ssh/ticket`);
  const cookie = page.headers.get("set-cookie")!.split(";")[0]!;
  const { csrfToken } = (await page.json()) as { csrfToken: string };
  const answer = await fetch(`${origin}/ssh/ticket`, {
    method: "POST",
    headers: { origin, cookie, "x-csrf-token": csrfToken, "content-type": "application/json" },
    body: JSON.stringify({ host: "127.0.0.1", port: far }),
  });
  const { ticket } = (await answer.json()) as { ticket: string };
  return { tap, gateway, origin, cookie, ticket, port: far, url: `ws://127.0.0.1:${near}/ssh` };
}

test.each([
  ["nacre.v1", false],
  ["binary", true],
])("a tap on all bytes finds neither the password nor a plaintext: %s", async (protocol, isPlain) => {
  const { tap, gateway, origin, cookie, ticket, port, url } = await tappedGateway(isPlain);
  const Tapped = tappedWebSocket(tap, { origin, headers: { cookie } });
  // A gateway prefers its own subprotocol, so offer only the one to test.
  class Page extends Tapped {
    constructor(url: string) {
      super(url, [protocol]);
    }
  }
  const options = {
    url,
    host: "127.0.0.1",
    port,
    ticket,
    user: "alice",
    password: password(),
    hostKey: fingerprintsOf(server.sshd),
    WebSocket: Page,
  };
  const [input, argument] = [randomBytes(12).toString("hex"), randomBytes(12).toString("hex")];
  const client = await connect(options);
  const { stdout } = await client.exec(`echo ${argument}; cat`, { input: new TextEncoder().encode(input) });
  await client.close();
  // The password was checked, and the plaintexts crossed the gateway in both directions.
  expect(stdout).toBe(`${argument}\n${input}`);

  tap.record("metrics", Buffer.from(gateway.metrics()));
  for (const secret of [password(), "alice", input, argument]) expect([secret, tap.find(secret)]).toEqual([secret, []]);

  // The tap is where the bytes are: it finds public texts, on each stream that carries them.
  expect(tap.find("SSH-2.0-OpenSSH")).toEqual(["client down", "destination down", "messages down"]);
  expect(tap.find("SSH-2.0-Nacre")).toEqual(["destination up", "messages up"]);
  expect(tap.find(cookie)).toEqual(["client down", "client up"]);
  expect(tap.find('"opened"')).toEqual(["log"]);
  // A ticket crosses the gateway in the reply to the page and in the first message, and appears nowhere else.
  expect(tap.find(ticket)).toEqual(isPlain ? ["client down"] : ["client down", "messages up"]);
});

test("a tap on all bytes finds no password that sshd refuses", async () => {
  const { tap, origin, cookie, ticket, port, url } = await tappedGateway(false);
  const wrong = randomBytes(12).toString("hex");
  const error = await failure(
    connect({
      url,
      host: "127.0.0.1",
      port,
      ticket,
      user: "alice",
      password: wrong,
      hostKey: fingerprintsOf(server.sshd),
      WebSocket: tappedWebSocket(tap, { origin, headers: { cookie } }),
    }),
  );
  expect(error).toMatchObject({ code: "auth-failed" });
  expect(tap.find("SSH-2.0-OpenSSH")).toContain("messages down");
  expect(tap.find(wrong)).toEqual([]);
});

test("a tap finds a text in each of its spellings, and no other text", () => {
  const text = "correct horse";
  for (const encoding of ["utf8", "utf16le", "hex", "base64", "base64url"] as const)
    for (const before of ["", "a", "ab", "abc"]) {
      const tap = new Tap();
      const whole = Buffer.from(
        encoding === "utf16le" || encoding === "utf8"
          ? Buffer.from(`${before}${text}>?>`, encoding)
          : Buffer.from(`${before}${text}>?>`).toString(encoding),
      );
      for (const byte of whole) tap.record("stream", Uint8Array.of(byte));
      expect([encoding, before, tap.find(text)]).toEqual([encoding, before, ["stream"]]);
      expect(tap.find("correct house")).toEqual([]);
    }
});
