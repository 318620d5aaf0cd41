import { concatBytes, utf8Encode } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { type ProxyDialogue, type ProxyTarget, takeChunk } from "../src/net/proxy/dialogue.ts";
import { HttpConnectDialogue } from "../src/net/proxy/http-connect.ts";
import { readProxy } from "../src/net/proxy/proxy-url.ts";
import { Socks5Dialogue } from "../src/net/proxy/socks5.ts";

const TARGET: ProxyTarget = { host: "db.example.org", port: 2222 };
const LOGIN = { user: "alice", password: "s3cret" };
const REST = utf8Encode("SSH-2.0-x\r\n");

type Step = { readonly type: string; readonly rest?: Uint8Array; readonly reason?: string };

/** Parses hex bytes such as `"05 00"`; text in apostrophes stands for its bytes. */
function bytes(layout: string): Uint8Array {
  const parts = [...layout.matchAll(/'([^']*)'|([0-9a-f]{2})/g)];
  return concatBytes(
    ...parts.map(([, text, hex]) => (hex === undefined ? utf8Encode(text!) : Uint8Array.of(Number.parseInt(hex, 16)))),
  );
}

/** Passes the pieces to a dialogue. Returns the last step, with all bytes sent and the unread pieces. */
function run(
  dialogue: ProxyDialogue,
  pieces: readonly Uint8Array[],
): { readonly step: Step; readonly sent: Uint8Array } {
  let sent = dialogue.hello;
  for (const [index, piece] of pieces.entries()) {
    const { send, ...step } = takeChunk(dialogue, piece);
    sent = concatBytes(sent, send);
    if (step.type === "refused") return { sent, step };
    if (step.type === "connected")
      return { sent, step: { ...step, rest: concatBytes(step.rest, ...pieces.slice(index + 1)) } };
  }
  return { sent, step: { type: "more" } };
}

/** Runs a dialogue with the answer in one piece, split at each byte, and byte by byte. All must end alike. */
function outcome(
  dialogue: () => ProxyDialogue,
  answer: Uint8Array,
): { readonly step: Step; readonly sent: Uint8Array } {
  const whole = run(dialogue(), [answer]);
  for (let at = 1; at < answer.length; at++)
    expect(run(dialogue(), [answer.subarray(0, at), answer.subarray(at)])).toEqual(whole);
  expect(
    run(
      dialogue(),
      Array.from(answer, (byte) => Uint8Array.of(byte)),
    ),
  ).toEqual(whole);
  return whole;
}

const socks = (answer: string, login = false, target = TARGET) =>
  outcome(() => new Socks5Dialogue(target, login ? LOGIN : undefined), bytes(answer));
const http = (answer: string, login = false, target = TARGET) =>
  outcome(() => new HttpConnectDialogue(target, login ? LOGIN : undefined), utf8Encode(answer));

/** Returns the reason of a refusal. */
function reasonOf({ step }: { readonly step: Step }): string {
  if (step.reason === undefined) throw new Error(`expected a refusal, got "${step.type}"`);
  return step.reason;
}

describe("SOCKS 5", () => {
  test.each([
    ["a name, which it sends as it is", TARGET, "03 0e 'db.example.org' 08 ae"],
    ["an IPv4 address", { host: "192.0.2.1", port: 22 }, "01 c0 00 02 01 00 16"],
    ["an IPv6 address", { host: "2001:db8::1", port: 22 }, "04 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 00 16"],
    [
      "an IPv4 address in IPv6 form",
      { host: "::ffff:1.2.3.4", port: 22 },
      "04 00 00 00 00 00 00 00 00 00 00 ff ff 01 02 03 04 00 16",
    ],
  ])("connects to %s", (_, target, address) => {
    const { step, sent } = socks("05 00  05 00 00 01 00 00 00 00 00 00 'SSH-2.0-x' 0d 0a", false, target);
    expect(sent).toEqual(bytes(`05 01 00  05 01 00 ${address}`));
    expect(step).toEqual({ type: "connected", rest: REST });
  });

  test("logs in if the proxy wants it", () => {
    const { step, sent } = socks("05 02  01 00  05 00 00 01 00 00 00 00 00 00", true);
    expect(sent).toEqual(bytes("05 02 00 02  01 05 'alice' 06 's3cret'  05 01 00 03 0e 'db.example.org' 08 ae"));
    expect(step).toEqual({ type: "connected", rest: new Uint8Array(0) });
    expect(socks("05 02  05 00  05 00 00 01 00 00 00 00 00 00", true).step.type).toBe("connected");
  });

  test("keeps the login from a proxy that does not ask for it", () => {
    const { step, sent } = socks("05 00  05 00 00 01 00 00 00 00 00 00", true);
    expect(Buffer.from(sent).includes("s3cret")).toBe(false);
    expect(step.type).toBe("connected");
  });

  test.each([
    ["an IPv6 address", "04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 04 38"],
    ["a name", "03 03 'abc' 04 38"],
    ["an empty name", "03 00 04 38"],
  ])("reads a reply with %s", (_, address) => {
    expect(socks(`05 00  05 00 00 ${address} 'SSH-2.0-x' 0d 0a`).step).toEqual({ type: "connected", rest: REST });
  });

  test.each([
    ["05 00  05 01", "general failure of the proxy (SOCKS reply 1)"],
    ["05 00  05 02", "connection not allowed by the proxy (SOCKS reply 2)"],
    ["05 00  05 03", "network unreachable (SOCKS reply 3)"],
    ["05 00  05 04", "host unreachable (SOCKS reply 4)"],
    ["05 00  05 05 00 01 00 00 00 00 00 00", "connection refused (SOCKS reply 5)"],
    ["05 00  05 06", "TTL expired (SOCKS reply 6)"],
    ["05 00  05 07", "the proxy does not support CONNECT (SOCKS reply 7)"],
    ["05 00  05 08", "the proxy does not support this type of address (SOCKS reply 8)"],
    ["05 00  05 ff", "unknown failure (SOCKS reply 255)"],
    ["05 00  05 00 00 02 00", "the answer has unknown address type 2"],
    ["05 00  04", "the answer is not SOCKS 5; it starts with 0x04"],
    ["05 ff", "the proxy needs a login; give user and password in `proxy`"],
    ["05 02", "the proxy chose login method 2, which was not offered"],
    ["05 01", "the proxy chose login method 1, which was not offered"],
    ["'HTTP/1.1 400'", "the answer is not SOCKS 5; it starts with 0x48"],
    ["00 5a", "the answer is not SOCKS 5; it starts with 0x00"],
  ])("is refused by %s", (answer, reason) => {
    expect(reasonOf(socks(answer))).toBe(reason);
  });

  test.each([
    ["05 02  01 01", "the proxy refused user name and password"],
    ["05 02  01 ff", "the proxy refused user name and password"],
    ["05 02  02 00", "the answer is not SOCKS 5; it starts with 0x02"],
    ["05 ff", "the proxy offers no login by user name and password"],
    ["05 02  01 00  01 00", "the answer is not SOCKS 5; it starts with 0x01"],
  ])("with a login is refused by %s", (answer, reason) => {
    const refusal = socks(answer, true);
    expect(reasonOf(refusal)).toBe(reason);
    expect(reasonOf(refusal)).not.toContain("s3cret");
  });
});

describe("HTTP CONNECT", () => {
  test.each([
    ["a name", TARGET, "db.example.org:2222"],
    ["an IPv4 address", { host: "192.0.2.1", port: 22 }, "192.0.2.1:22"],
    ["an IPv6 address", { host: "2001:db8::1", port: 22 }, "[2001:db8::1]:22"],
  ])("connects to %s", (_, target, authority) => {
    const { step, sent } = http("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nSSH-2.0-x\r\n", false, target);
    expect(new TextDecoder().decode(sent)).toBe(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    expect(step).toEqual({ type: "connected", rest: REST });
  });

  test("logs in with the Basic scheme", () => {
    const { sent } = http("HTTP/1.0 200\r\n\r\n", true);
    expect(new TextDecoder().decode(sent)).toContain("\r\nProxy-Authorization: Basic YWxpY2U6czNjcmV0\r\n");
  });

  test.each([
    ["without a phrase", "HTTP/1.1 200\r\n\r\n"],
    ["with any status 2xx", "HTTP/1.0 299 Fine\r\n\r\n"],
    ["with bare line feeds", "HTTP/1.1 200 OK\nA: b\n\n"],
    [
      "with fields that announce content, which there is none of",
      "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    [
      "after interim answers",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ],
  ])("reads an answer %s", (_, answer) => {
    expect(http(`${answer}SSH-2.0-x\r\n`).step).toEqual({ type: "connected", rest: REST });
  });

  test.each([
    [
      "HTTP/1.1 407 Proxy Authentication Required\r\n",
      "407 Proxy Authentication Required; give user and password in `proxy`",
    ],
    ["HTTP/1.1 403 Forbidden\n", "403 Forbidden"],
    ["HTTP/1.1 302 Found\r\n", "302 Found"],
    ["HTTP/1.1 502\r\n", "502"],
    ["HTTP/1.1 503 \x9b31m\r\n", "503 \\x9b31m"],
    ["HTTP/2 200\r\n", "the answer is not HTTP/1.1"],
    ["HTTP/1.1 999 x\r\n", "the answer is not HTTP/1.1"],
    ["HTTP/1.1 2000 x\r\n", "the answer is not HTTP/1.1"],
    ["HTTP/1.1  200 x\r\n", "the answer is not HTTP/1.1"],
    ["HTTP/1.1 20\r\n", "the answer is not HTTP/1.1"],
    ["\r\n", "the answer is not HTTP"],
    ["SSH-2.0-x\r\n", "the answer is not HTTP"],
    ["HTTP/1.1 200 OK\rA: b", "the answer has a control character in its header"],
    ["HTTP/1.1 200 OK\r\nA: \0", "the answer has a control character in its header"],
    ["HTTP/1.1 200 \x1b[2J", "the answer has a control character in its header"],
  ])("is refused by %j", (answer, reason) => {
    const latin1 = Uint8Array.from(answer, (character) => character.charCodeAt(0));
    expect(reasonOf(outcome(() => new HttpConnectDialogue(TARGET, undefined), latin1))).toBe(reason);
  });

  test("with a login is refused by 407, without the password in the reason", () => {
    expect(reasonOf(http("HTTP/1.1 407 Proxy Authentication Required\r\n", true))).toBe(
      "407 Proxy Authentication Required; it refused user name and password",
    );
  });

  test("cuts a long phrase", () => {
    expect(reasonOf(http(`HTTP/1.1 500 ${"x".repeat(500)}\r\n`)).length).toBeLessThan(220);
  });
});

describe("proxy answers", () => {
  test("proxy answers: success · client", () => {
    for (const status of ["301", "407", "500"])
      expect(reasonOf(http(`HTTP/1.1 ${status} Connection established\r\n\r\n`))).toContain(status);
    for (const code of ["01", "05", "ff"])
      expect(reasonOf(socks(`05 00  05 ${code} 00 01 00 00 00 00 00 00`))).toContain("SOCKS reply");
    expect(reasonOf(socks("05 02  01 00  05 00 00 01 00 00 00 00 00 00"))).toContain("which was not offered");
    expect(reasonOf(socks("05 02  01 01  05 00 00 01 00 00 00 00 00 00", true))).toContain("refused user name");
    // What follows the answer is the server's.
    expect(http("HTTP/1.1 200 OK\r\n\r\nSSH-2.0-x\r\n").step).toEqual({ type: "connected", rest: REST });
  });

  test("proxy answers: endless · client", () => {
    const fits = `HTTP/1.1 200 OK\r\nA: ${"x".repeat(16 * 1024 - 24)}\r\n\r\n`;
    expect(utf8Encode(fits)).toHaveLength(16 * 1024);
    expect(run(new HttpConnectDialogue(TARGET, undefined), [utf8Encode(fits)]).step.type).toBe("connected");
    for (const endless of ["A: b\r\n", "x", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"]) {
      const dialogue = new HttpConnectDialogue(TARGET, undefined);
      const start = endless.startsWith("HTTP") ? "" : "HTTP/1.1 200 OK\r\n";
      const step = takeChunk(dialogue, utf8Encode(start + endless.repeat(16 * 1024)));
      expect(step).toMatchObject({ type: "refused", reason: "the header of the answer is longer than 16384 bytes" });
    }
  });

  test("proxy answers: names · client", () => {
    const hosts = [
      "a\r\nProxy-Authorization: x",
      "a b",
      "a\0b",
      "ä.example",
      "x".repeat(256),
      "fe80::1%eth0",
      "",
      "a:b",
    ];
    for (const host of hosts)
      for (const Dialogue of [HttpConnectDialogue, Socks5Dialogue])
        expect(() => new Dialogue({ host, port: 22 }, undefined)).toThrow("a host behind a `proxy` must be");
  });

  test("proxy answers: password · client", () => {
    const wrong = [
      "socks5://alice:s3cret@[::1",
      "socks5://alice:s3cret@:1080",
      "https://alice:s3cret@proxy:1080",
      "http://alice:s3cret@proxy:99999",
      "http://alice:s3cret@proxy/path",
      "http://alice:s3cret@proxy?query",
      "http://alice:s3cret%@proxy",
      "alice:s3cret@proxy:1080",
      "socks5:alice:s3cret@proxy:1080",
      `socks5://alice:${"s3cret".repeat(50)}@proxy`,
      "http://al%3Aice:s3cret@proxy",
    ];
    for (const url of wrong) {
      let error: unknown;
      try {
        readProxy(url);
      } catch (thrown) {
        error = thrown;
      }
      expect([url, error]).toMatchObject([url, { code: "usage" }]);
      const { message, stack = "", cause } = error as Error;
      expect([message, stack, String(cause)].join()).not.toContain("s3cret");
    }
  });
});

test.each([
  ["socks5://proxy", { protocol: "socks5", host: "proxy", port: 1080, login: undefined }],
  ["SOCKS5://Proxy:9050/", { protocol: "socks5", host: "Proxy", port: 9050, login: undefined }],
  ["http://proxy", { protocol: "http", host: "proxy", port: 80, login: undefined }],
  ["http://[2001:db8::1]:3128", { protocol: "http", host: "2001:db8::1", port: 3128, login: undefined }],
  ["socks5://[::1]:1080", { protocol: "socks5", host: "::1", port: 1080, login: undefined }],
  [
    "socks5://a%40b:p%3A%2Fw@proxy:1",
    { protocol: "socks5", host: "proxy", port: 1, login: { user: "a@b", password: "p:/w" } },
  ],
  ["http://alice@proxy:1", { protocol: "http", host: "proxy", port: 1, login: { user: "alice", password: "" } }],
])("reads the URL %s", (url, proxy) => {
  expect(readProxy(url)).toEqual(proxy);
});
