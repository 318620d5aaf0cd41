import type { IncomingMessage } from "node:http";
import { expectError } from "@nacre/testing/errors";
import { describe, expect, test } from "vitest";
import { RequestCheck } from "../src/request-check.ts";
import { echo, ORIGIN, Page, pageSocket, refusedWith, startGateway, tcpServer, ticketFor } from "./support.ts";

type Options = ConstructorParameters<typeof RequestCheck>[0];

/** Returns an object with the properties of `IncomingMessage` that the check reads. */
function request(
  headers: Record<string, string | undefined>,
  { from = "203.0.113.7", encrypted = true }: { readonly from?: string; readonly encrypted?: boolean } = {},
): IncomingMessage {
  const all = { host: "app.example.org", origin: ORIGIN, ...headers };
  const headersDistinct = { host: all.host === undefined ? undefined : [all.host] };
  return { headers: all, headersDistinct, socket: { remoteAddress: from, encrypted } } as unknown as IncomingMessage;
}

function reason(options: Partial<Options>, one: IncomingMessage): string | undefined {
  const check = new RequestCheck({ origins: [ORIGIN], ...options });
  return check.webSocketRefusal(one, check.requester(one))?.reason;
}

describe("Origin", () => {
  test("is accepted if it equals an entry", () => {
    expect(reason({}, request({}))).toBeUndefined();
  });

  test.each([
    "null",
    "",
    "http://app.example.org",
    "https://app.example.org:8443",
    "https://app.example.org.evil.example",
    "https://evil-app.example.org",
    "https://example.org",
    "https://APP.example.org",
    "https://app.example.org/",
    "https://app.example.org, https://evil.example",
  ])("%j is refused", (origin) => {
    expect(reason({}, request({ origin }))).toBe("origin");
  });

  test("is required unless `allowMissingOrigin` is set", () => {
    expect(reason({}, request({ origin: undefined }))).toBe("origin");
    expect(reason({ allowMissingOrigin: true }, request({ origin: undefined }))).toBeUndefined();
    expect(reason({ allowMissingOrigin: true }, request({ origin: "null" }))).toBe("origin");
  });

  test.each(["null", "*", "https://*.example.org", "app.example.org", "https://app.example.org/", "file://", ""])(
    "%j cannot be allowed",
    (origin) => {
      expectError("usage", () => new RequestCheck({ origins: [origin] }));
    },
  );
});

describe("Host", () => {
  test("is accepted if it is that of an origin, or an entry of `hosts`", () => {
    expect(reason({}, request({ host: "APP.example.org" }))).toBeUndefined();
    expect(reason({ hosts: ["gw.example.org:8443"] }, request({ host: "gw.example.org:8443" }))).toBeUndefined();
  });

  test.each([undefined, "evil.example", "app.example.org:80", "app.example.org.", "127.0.0.1"])(
    "%s is refused",
    (host) => {
      expect(reason({}, request({ host }))).toBe("host");
    },
  );
});

describe("without TLS", () => {
  test("only this machine may connect unless `allowInsecure` is set", () => {
    const plain = request({}, { encrypted: false });
    expect(reason({}, plain)).toBe("insecure");
    expect(reason({ allowInsecure: true }, plain)).toBeUndefined();
    for (const from of ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
      expect(reason({}, request({}, { encrypted: false, from }))).toBeUndefined();
  });
});

describe("a proxy", () => {
  const forwarded = { "x-forwarded-for": "6.6.6.6, 203.0.113.9", "x-forwarded-proto": "https" };

  test("sets the client's address and scheme only if it is trusted", () => {
    const one = request(forwarded, { from: "::ffff:10.0.0.1", encrypted: false });
    const trusting = new RequestCheck({ origins: [ORIGIN], trustedProxies: ["10.0.0.0/8"] });
    expect(trusting.requester(one)).toMatchObject({ remoteAddress: "203.0.113.9", isSecure: true });
    const distrusting = new RequestCheck({ origins: [ORIGIN], trustedProxies: ["10.1.0.0/16"] });
    expect(distrusting.requester(one)).toMatchObject({ remoteAddress: "10.0.0.1", isSecure: false });
  });

  test("behind another trusted proxy is skipped, and the client's own entries are ignored", () => {
    const check = new RequestCheck({ origins: [ORIGIN], trustedProxies: ["10.0.0.0/8"] });
    const address = (header: string | undefined): string =>
      check.requester(request({ "x-forwarded-for": header }, { from: "10.0.0.1" })).remoteAddress;
    expect(address("6.6.6.6, 203.0.113.9, 10.0.0.2")).toBe("203.0.113.9");
    expect(address("10.0.0.3")).toBe("10.0.0.3");
    expect(address("not an address")).toBe("10.0.0.1");
    expect(address(undefined)).toBe("10.0.0.1");
  });

  test("reached without TLS makes the connection insecure, regardless of the client's entry", () => {
    const one = request({ ...forwarded, "x-forwarded-proto": "https, http" }, { from: "10.0.0.1" });
    expect(reason({ trustedProxies: ["10.0.0.1"] }, one)).toBe("insecure");
  });

  test("counts IPv6 clients by their networks", () => {
    const check = new RequestCheck({ origins: [ORIGIN] });
    const client = (from: string): string => check.requester(request({}, { from })).client;
    expect(client("2001:db8::1")).toBe(client("2001:db8::ffff"));
    expect(client("2001:db8::1")).not.toBe(client("2001:db8:0:1::1"));
    expect(client("192.0.2.1")).not.toBe(client("192.0.2.2"));
  });
});

describe("a WebSocket is refused by HTTP", () => {
  test.each([
    ["of another origin", { origin: "https://evil.example" }, 403, "origin"],
    ["without an origin", { origin: "" }, 403, "origin"],
    ["for another host", { headers: { host: "rebound.example" } }, 421, "host"],
  ])("%s", async (_, options, status, expected) => {
    const { url, event } = await startGateway();
    expect(await refusedWith(pageSocket(url, options))).toBe(status);
    expect(await event("refused")).toMatchObject({ reason: expected, route: "websocket" });
  });

  test("without the subprotocol while plain mode is off", async () => {
    const { url, event } = await startGateway();
    for (const protocols of [[], ["binary"], ["ssh"]])
      expect(await refusedWith(pageSocket(url, {}, protocols))).toBe(400);
    expect(await event("refused", 3)).toMatchObject({ reason: "subprotocol" });
  });

  test("of a client that reached a trusted proxy without TLS", async () => {
    const { url } = await startGateway({ trustedProxies: ["127.0.0.1"] });
    const headers = { "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "http" };
    expect(await refusedWith(pageSocket(url, { headers }))).toBe(403);
  });
});

/** Starts a gateway that allows one connection per client. Returns a function that connects with `X-Forwarded-For`. */
async function onePerClient(trustedProxies: string[]) {
  const { port } = await tcpServer(echo);
  const limits = { maxConnectionsPerClient: 1 };
  const { gateway, url, event } = await startGateway({ allow: [`127.0.0.1:${port}`], trustedProxies, limits });
  const connect = async (forwardedFor: string | string[]): Promise<string | undefined> => {
    const headers = {
      "x-forwarded-for": forwardedFor as string,
      "x-forwarded-proto": "https",
      // These do not count.
      forwarded: "for=192.0.2.9",
      "x-real-ip": "192.0.2.9",
    };
    return new Page(url, { ticket: await ticketFor(gateway, port), port }, { headers }).refused();
  };
  return { connect, event };
}

describe("connections are counted by the address", () => {
  test("that a trusted proxy adds, not by one that the client sends", async () => {
    const { connect, event } = await onePerClient(["127.0.0.1"]);
    expect(await connect("192.0.2.1")).toBe("opened");
    expect(await connect("192.0.2.2")).toBe("opened");
    expect(await connect("192.0.2.3, 192.0.2.1")).toBe("too-many");
    expect(await connect(["192.0.2.4", "192.0.2.2"])).toBe("too-many");
    expect(await event("rejected", 2)).toMatchObject({ remoteAddress: "192.0.2.2" });
  });

  test("of the TCP connection if no proxy is trusted", async () => {
    const { connect, event } = await onePerClient([]);
    expect(await connect("192.0.2.1")).toBe("opened");
    expect(await connect("192.0.2.2")).toBe("too-many");
    expect(await event("rejected")).toMatchObject({ remoteAddress: "127.0.0.1" });
  });
});
