import { expectError } from "@nacre/testing/errors";
import { concatBytes, SshError, utf8Encode } from "@nacre/wire";
import { array, assert, constantFrom, integer, oneof, property, string, uint8Array } from "fast-check";
import { describe, expect, it } from "vitest";
import { ipv6Text } from "../../src/users/forward/ipv6-text.ts";
import { ProxyHandshake, type ProxyStep } from "../../src/users/forward/proxy-handshake.ts";

const NOTHING = new Uint8Array(0);

/** Parses hex bytes such as `"05 01 00"`. Text in apostrophes stands for its bytes: `"04 01 'name' 00"`. */
function bytes(layout: string): Uint8Array {
  const parts = [...layout.matchAll(/'([^']*)'|([0-9a-f]{2})/g)];
  return concatBytes(
    ...parts.map(([, text, hex]) => (hex === undefined ? utf8Encode(text!) : Uint8Array.of(Number.parseInt(hex, 16)))),
  );
}

const text = (reply: Uint8Array): string => new TextDecoder().decode(reply);

/** Runs a handshake over `pieces`. Returns the last step with all replies joined; unread pieces are added to `rest`. */
function run(pieces: readonly Uint8Array[]): { readonly step: ProxyStep; readonly handshake: ProxyHandshake } {
  const handshake = new ProxyHandshake();
  let reply: Uint8Array = NOTHING;
  for (const [index, piece] of pieces.entries()) {
    const step = handshake.receive(piece);
    reply = concatBytes(reply, step.reply);
    if (step.type === "more") continue;
    if (step.type === "refused") return { handshake, step: { ...step, reply: concatBytes(reply) } };
    const rest = concatBytes(step.rest, ...pieces.slice(index + 1));
    return { handshake, step: { ...step, reply: concatBytes(reply), rest } };
  }
  return { handshake, step: { type: "more", reply: concatBytes(reply) } };
}

const step = (input: Uint8Array | string): ProxyStep =>
  run([typeof input === "string" ? utf8Encode(input) : input]).step;

/** Converts a step to plain values, to compare errors by code and message. */
function plain(step: ProxyStep): unknown {
  return step.type === "refused" ? { ...step, reason: [step.reason.code, step.reason.message] } : step;
}

/** Returns the reply and message of an input that must be refused. */
function refusal(input: Uint8Array | string): { readonly reply: Uint8Array; readonly message: string } {
  const refused = step(input);
  if (refused.type !== "refused") throw new Error(`expected step "refused", got "${refused.type}"`);
  expect(refused.reason).toBeInstanceOf(SshError);
  expect(refused.reason).toMatchObject({ code: "proxy-request-refused", culprit: "peer" });
  return { reply: refused.reply, message: refused.reason.message };
}

/** Returns the handshake after a complete request. */
function connecting(input: Uint8Array | string): ProxyHandshake {
  const { step, handshake } = run([typeof input === "string" ? utf8Encode(input) : input]);
  expect(step.type).toBe("connect");
  return handshake;
}

const SOCKS4 = bytes("04 01 00 50 c0 00 02 01 'alice' 00");
const SOCKS4A = bytes("04 01 01 bb 00 00 00 01 'alice' 00 'example.org' 00");
const SOCKS5_IPV4 = bytes("05 01 00  05 01 00 01 c0 00 02 01 00 50");
const SOCKS5_NAME = bytes("05 02 02 00  05 01 00 03 0b 'example.org' 01 bb");
const SOCKS5_IPV6 = bytes("05 01 00  05 01 00 04 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 1f 90");
const HTTP = utf8Encode("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\nUser-Agent: x\r\n\r\n");
const HTTP_IPV6 = utf8Encode("CONNECT [2001:DB8::1]:8080 HTTP/1.0\n\n");

const REQUESTS = [
  ["SOCKS 4", SOCKS4, { host: "192.0.2.1", port: 80 }],
  ["SOCKS 4 without a user ID", bytes("04 01 00 50 c0 00 02 01 00"), { host: "192.0.2.1", port: 80 }],
  [
    "SOCKS 4 to 0.0.0.0, which does not mark SOCKS 4a",
    bytes("04 01 00 50 00 00 00 00 00"),
    { host: "0.0.0.0", port: 80 },
  ],
  ["SOCKS 4 to 0.1.0.5, which does not either", bytes("04 01 00 50 00 01 00 05 00"), { host: "0.1.0.5", port: 80 }],
  ["SOCKS 4 to 0.0.1.5", bytes("04 01 00 50 00 00 01 05 00"), { host: "0.0.1.5", port: 80 }],
  ["SOCKS 4a", SOCKS4A, { host: "example.org", port: 443 }],
  ["SOCKS 5 to an IPv4 address", SOCKS5_IPV4, { host: "192.0.2.1", port: 80 }],
  ["SOCKS 5 to a domain name", SOCKS5_NAME, { host: "example.org", port: 443 }],
  ["SOCKS 5 to an IPv6 address", SOCKS5_IPV6, { host: "2001:db8::1", port: 8080 }],
  ["HTTP CONNECT", HTTP, { host: "example.org", port: 443 }],
  ["HTTP CONNECT to an IPv6 address, lines ended by LF", HTTP_IPV6, { host: "2001:db8::1", port: 8080 }],
] as const;

describe("a proxy request", () => {
  it.each(REQUESTS)("is parsed: %s", (_, input, target) => {
    const methods = input[0] === 5 ? bytes("05 00") : NOTHING;
    expect(step(input)).toEqual({ type: "connect", target, reply: methods, rest: NOTHING });
  });

  it.each(REQUESTS)("gives the same step for any split: %s", (_, input) => {
    const stream = concatBytes(input, utf8Encode("\0tunnel"));
    const whole = run([stream]).step;
    expect(whole).toMatchObject({ type: "connect", rest: utf8Encode("\0tunnel") });
    expect(run(Array.from(stream, (byte) => Uint8Array.of(byte))).step).toEqual(whole);
    for (let cut = 0; cut <= stream.length; cut++)
      expect(run([stream.subarray(0, cut), stream.subarray(cut)]).step).toEqual(whole);
  });

  it.each(REQUESTS)("is incomplete until its last byte: %s", (_, input) => {
    for (let length = 0; length < input.length; length++)
      expect(run([input.subarray(0, length)]).step.type).toBe("more");
  });

  it("neither changes nor keeps the caller's bytes", () => {
    const input = concatBytes(SOCKS4, utf8Encode("tunnel"));
    const before = input.slice();
    const connect = new ProxyHandshake().receive(input);
    expect(input).toEqual(before);
    input.fill(0);
    expect(connect).toMatchObject({ rest: utf8Encode("tunnel") });
  });

  it("throws internal after its end", () => {
    const handshake = connecting(SOCKS5_NAME);
    expectError("internal", () => handshake.receive(Uint8Array.of(1)));
    handshake.granted();
    expectError("internal", () => handshake.granted());
    expectError("internal", () => handshake.refusedBy("closed"));
    for (const input of [Uint8Array.of(0), bytes("05 00")]) {
      const refused = new ProxyHandshake();
      refused.receive(input);
      expectError("internal", () => refused.receive(Uint8Array.of(4)));
      expectError("internal", () => refused.granted());
    }
    expectError("internal", () => new ProxyHandshake().granted());
  });

  it.each([0x00, 0x03, 0x06, 0x0a, 0x16, 0x20, 0x30, 0x40, 0x5b, 0x60, 0x7b, 0x80, 0xff])(
    "of an unknown protocol is refused at its first byte: %i",
    (first) => {
      const { reply, message } = refusal(Uint8Array.of(first, 1, 0));
      expect(reply).toEqual(NOTHING);
      expect(message).toContain(`0x${first.toString(16).padStart(2, "0")}`);
    },
  );
});

describe("SOCKS 4", () => {
  const REJECTED = bytes("00 5b 00 00 00 00 00 00");

  it("grants with 0x5a and refuses with 0x5b for any error", () => {
    expect(connecting(SOCKS4).granted()).toEqual(bytes("00 5a 00 00 00 00 00 00"));
    for (const code of ["forward-denied", "forward-unreachable", "closed"] as const)
      expect(connecting(SOCKS4A).refusedBy(code)).toEqual(REJECTED);
  });

  it.each([
    ["BIND", "04 02 00 50 c0 00 02 01 00", "command 2"],
    ["BIND of a name", "04 02 00 50 00 00 00 09 00 'a' 00", "command 2"],
    ["command 0", "04 00 00 50 c0 00 02 01 00", "command 0"],
    ["port 0", "04 01 00 00 c0 00 02 01 00", "port 0"],
    ["an empty name", "04 01 00 50 00 00 00 01 00 00", "host name"],
    ["a space in a name", "04 01 00 50 00 00 00 01 00 'a b' 00", 'host name "a b"'],
    ["an escape sequence in a name", "04 01 00 50 00 00 00 01 00 1b '[31m' 00", 'host name "\\x1b[31m"'],
    ["a non-ASCII byte in a name", "04 01 00 50 00 00 00 01 00 'é' 00", "host name"],
  ])("refuses %s", (_, input, problem) => {
    const { reply, message } = refusal(bytes(input));
    expect(reply).toEqual(REJECTED);
    expect(message).toContain(problem);
  });

  it("accepts a user ID and a host name of up to 255 bytes each", () => {
    const head = bytes("04 01 00 50 00 00 00 01");
    const most = utf8Encode("x".repeat(255));
    const nul = Uint8Array.of(0);
    expect(step(concatBytes(head, most, nul, most, nul))).toMatchObject({ target: { host: "x".repeat(255) } });
    const user = refusal(concatBytes(head, most, utf8Encode("x")));
    expect(user).toEqual({ reply: REJECTED, message: "SOCKS 4 user ID is longer than 255 bytes" });
    const name = refusal(concatBytes(head, nul, most, utf8Encode("x")));
    expect(name).toEqual({ reply: REJECTED, message: "SOCKS 4a host name is longer than 255 bytes" });
  });
});

/** A reply with bound address 0.0.0.0 port 0 (RFC 1928 §6). */
const reply = (code: number): Uint8Array => Uint8Array.of(5, code, 0, 1, 0, 0, 0, 0, 0, 0);

describe("SOCKS 5", () => {
  it("selects no authentication before the request arrives", () => {
    expect(step(bytes("05 03 01 00 02"))).toEqual({ type: "more", reply: bytes("05 00") });
  });

  it.each([
    ["no method", "05 00"],
    ["user name and password only", "05 01 02"],
    ["GSSAPI, user name and password", "05 02 01 02"],
    ["0xff as a method", "05 01 ff"],
  ])("refuses a client that offers %s", (_, input) => {
    const refused = refusal(bytes(input));
    expect(refused.reply).toEqual(bytes("05 ff"));
    expect(refused.message).toContain("no authentication");
  });

  it.each([
    ["BIND", "05 02 00 01 c0 00 02 01 00 50", 7, "command 2"],
    ["UDP ASSOCIATE", "05 03 00 03 01 'a' 00 50", 7, "command 3"],
    ["address type 0", "05 01 00 00", 8, "address type 0"],
    ["address type 2", "05 01 00 02", 8, "address type 2"],
    ["another version", "04", 1, "version 4"],
    ["port 0", "05 01 00 01 c0 00 02 01 00 00", 1, "port 0"],
    ["an empty name", "05 01 00 03 00 00 50", 1, "host name"],
    ["a NUL in a name", "05 01 00 03 03 'a' 00 'b' 00 50", 1, 'host name "a\\x00b"'],
    ["a line end in a name", "05 01 00 03 03 'a' 0d 0a 00 50", 1, 'host name "a\\x0d\\x0a"'],
    ["a non-ASCII byte in a name", "05 01 00 03 02 'é' 00 50", 1, "host name"],
    ["a DEL in a name", "05 01 00 03 02 'a' 7f 00 50", 1, 'host name "a\\x7f"'],
  ])("refuses %s, after it selected a method", (_, request, code, problem) => {
    const refused = refusal(concatBytes(bytes("05 01 00"), bytes(request)));
    expect(refused.reply).toEqual(concatBytes(bytes("05 00"), reply(code)));
    expect(refused.message).toContain(problem);
  });

  it("ignores the reserved byte, and accepts names and method lists of 255 bytes", () => {
    const methods = concatBytes(bytes("05 ff"), new Uint8Array(254).fill(2), Uint8Array.of(0));
    const request = concatBytes(bytes("05 01 7f 03 ff"), utf8Encode("x".repeat(255)), bytes("ff ff"));
    const target = { host: "x".repeat(255), port: 65_535 };
    expect(step(concatBytes(methods, request))).toMatchObject({ type: "connect", target });
  });

  it.each([
    ["forward-denied", 2],
    ["forward-unreachable", 5],
    ["forward-unsupported", 7],
    ["forward-limit", 1],
    ["channel-limit", 1],
    ["connection-lost", 1],
  ] as const)("replies to the dial error %s with code %i", (code, expected) => {
    expect(connecting(SOCKS5_NAME).refusedBy(code)).toEqual(reply(expected));
  });

  it("grants with code 0", () => {
    expect(connecting(SOCKS5_NAME).granted()).toEqual(reply(0));
  });
});

const response = (status: string, fields = ""): string =>
  `HTTP/1.1 ${status}\r\n${fields}Content-Length: 0\r\nConnection: close\r\n\r\n`;

describe("HTTP CONNECT", () => {
  it("grants with 200 and without content", () => {
    expect(text(connecting(HTTP).granted())).toBe("HTTP/1.1 200 Connection Established\r\n\r\n");
  });

  it.each([
    ["forward-denied", "403 Forbidden"],
    ["forward-unreachable", "502 Bad Gateway"],
    ["forward-unsupported", "502 Bad Gateway"],
    ["forward-limit", "503 Service Unavailable"],
    ["channel-limit", "503 Service Unavailable"],
    ["connection-lost", "502 Bad Gateway"],
  ] as const)("replies to the dial error %s with %s", (code, status) => {
    expect(text(connecting(HTTP).refusedBy(code))).toBe(response(status));
  });

  it.each([
    "GET http://example.org/ HTTP/1.1",
    "POST / HTTP/1.1",
    "connect example.org:80 HTTP/1.1",
    "A-B! x HTTP/1.0",
  ])("refuses other methods with 405 as soon as the line is complete: %s", (line) => {
    const { reply, message } = refusal(`${line}\r\n`);
    expect(text(reply)).toBe(response("405 Method Not Allowed", "Allow: CONNECT\r\n"));
    expect(message).toContain(`unsupported HTTP method ${line.split(" ")[0]};`);
  });

  it.each([
    "CONNECT example.org:443\r\n",
    "CONNECT example.org:443 HTTP/2.0\r\n",
    "CONNECT example.org:443 HTTP/1.1 \r\n",
    "CONNECT  example.org:443 HTTP/1.1\r\n",
    "CONNECT example.org:443  HTTP/1.1\r\n",
    "CONNECT example.org:443 http/1.1\r\n",
    "CONNECT\texample.org:443 HTTP/1.1\r\n",
    "CONNECT é:443 HTTP/1.1\r\n",
    "PRI * HTTP/2.0\r\n",
    "SSH-2.0-OpenSSH_10.0\r\n",
    "A\n",
  ])("refuses a malformed request line with 400: %j", (head) => {
    const { reply, message } = refusal(head);
    expect(text(reply)).toBe(response("400 Bad Request"));
    expect(message).toContain("request line");
  });

  it.each([
    "example.org",
    "example.org:",
    ":80",
    "example.org:0",
    "example.org:65536",
    "example.org:99999",
    "example.org:000080",
    "example.org:-1",
    "example.org:0x50",
    "alice@example.org:80",
    "http://example.org:80",
    "example.org:80/",
    "::1:80",
    "[]:80",
    "[::1]",
    "[::1]80",
    "[1:2]:80",
    "[192.0.2.1]:80",
    "[fe80::1%25eth0]:80",
    "[example.org]:80",
    "[[::1]]:80",
    "exa%6dple.org:80",
    `${"x".repeat(256)}:80`,
  ])("refuses a malformed target with 400: %s", (target) => {
    const { reply, message } = refusal(`CONNECT ${target} HTTP/1.1\r\n`);
    expect(text(reply)).toBe(response("400 Bad Request"));
    expect(message).toContain("host:port");
  });

  it.each([
    ["example.org:65535", { host: "example.org", port: 65_535 }],
    ["192.0.2.1:00080", { host: "192.0.2.1", port: 80 }],
    ["_service.a-b.example.:1", { host: "_service.a-b.example.", port: 1 }],
    [`${"x".repeat(255)}:80`, { host: "x".repeat(255), port: 80 }],
    ["[::]:80", { host: "::", port: 80 }],
    ["[0:0:0:0:0:0:0:1]:80", { host: "::1", port: 80 }],
    ["[::ffff:192.0.2.1]:80", { host: "::ffff:192.0.2.1", port: 80 }],
  ])("accepts the target %s", (target, expected) => {
    expect(step(`CONNECT ${target} HTTP/1.1\r\n\r\n`)).toMatchObject({ type: "connect", target: expected });
  });

  it.each([
    ["no colon", "Host\r\n"],
    ["no name", ": x\r\n"],
    ["a space before the colon", "Host : x\r\n"],
    ["a folded line", " folded\r\n"],
    ["a NUL", "Host: a\0"],
    ["another control character", "Host: a\u007f"],
    ["a CR inside a line", "Host: a\rb"],
    ["two CRs at the end of a line", "Host: a\r\r"],
  ])("refuses a header field with 400: %s", (_, field) => {
    const { reply, message } = refusal(`CONNECT example.org:443 HTTP/1.1\r\nAccept: */*\r\n${field}`);
    expect(text(reply)).toBe(response("400 Bad Request"));
    expect(message).toMatch(/header field|control character/);
  });

  it.each([
    "GET http://alice:secret@example.org/ HTTP/1.1\r\n",
    "CONNECT alice:secret@example.org:443 HTTP/1.1\r\n",
    "CONNECT example.org:443?secret\r\n",
    "CONNECT example.org:443 HTTP/1.1\r\nProxy-Authorization : secret\r\n",
    "CONNECT example.org:443 HTTP/1.1\r\nProxy-Authorization: secret\0",
  ])("shows no password of a refused request: %j", (head) => {
    expect(refusal(head).message).not.toContain("secret");
  });

  it("refuses a control character in the request line immediately", () => {
    expect(text(refusal("CONN\0").reply)).toBe(response("400 Bad Request"));
  });

  it("ignores header fields, including empty ones and non-ASCII text", () => {
    const fields = "Content-Length: 5\r\nX:\r\nProxy-Authorization: Basic x\r\nX-Name: \té\r\n";
    expect(step(`CONNECT example.org:443 HTTP/1.1\r\n${fields}\r\nhello`)).toMatchObject({
      type: "connect",
      rest: utf8Encode("hello"),
    });
  });

  it("accepts a header of 16 KiB and refuses a longer one with 431", () => {
    const start = "CONNECT example.org:443 HTTP/1.1\r\nX: ";
    const fill = "x".repeat(16_384 - start.length - 4);
    expect(step(`${start}${fill}\r\n\r\n`).type).toBe("connect");
    const { reply, message } = refusal(`${start}${fill}x\r\n\r\n`);
    expect(text(reply)).toBe(response("431 Request Header Fields Too Large"));
    expect(message).toContain("16384 bytes");
    expect(step("C".repeat(16_384)).type).toBe("more");
    expect(text(refusal("C".repeat(16_385)).reply)).toBe(response("431 Request Header Fields Too Large"));
    expect(text(refusal(`${start}\r\n${"a:\r\n".repeat(5000)}`).reply)).toContain(" 431 ");
  });
});

describe("random bytes", () => {
  const pieces = oneof(
    uint8Array({ maxLength: 12 }),
    constantFrom(SOCKS4, SOCKS4A, SOCKS5_IPV4, SOCKS5_NAME, SOCKS5_IPV6, HTTP, HTTP_IPV6),
    constantFrom("CONNECT ", "[::1]:80", "a:1", " HTTP/1.1", "\r\n", "\n", "\r", "X: y", "\0").map(utf8Encode),
    constantFrom("04 01", "05 01 00", "05 01 00 03", "05 01 00 01", "00 00 00 07").map(bytes),
    string({ maxLength: 8 }).map(utf8Encode),
  );

  it("give the same step for any split, and no exception", () => {
    assert(
      property(array(pieces, { maxLength: 8 }), (parts) => {
        const stream = concatBytes(...parts);
        const whole = run([stream]).step;
        expect(plain(run(parts).step)).toEqual(plain(whole));
        expect(plain(run(Array.from(stream, (byte) => Uint8Array.of(byte))).step)).toEqual(plain(whole));
        if (whole.type === "refused") expect(whole.reason.code).toBe("proxy-request-refused");
        if (whole.type !== "connect") return;
        expect(whole.target.host).toMatch(/^[!-~]{1,255}$/);
        expect(whole.target.port).toBeGreaterThanOrEqual(1);
        expect(whole.target.port).toBeLessThanOrEqual(65_535);
      }),
      { numRuns: 1000 },
    );
  });

  it("after a complete request are returned as rest", () => {
    const name = string({
      unit: constantFrom("a", "b", "z", "X", "0", "9", ".", "-", "_"),
      minLength: 1,
      maxLength: 255,
    });
    assert(
      property(name, integer({ min: 1, max: 65_535 }), uint8Array(), (host, port, rest) => {
        const [length, high, low] = [host.length, port >> 8, port & 0xff];
        const requests = [
          concatBytes(Uint8Array.of(4, 1, high, low, 0, 0, 0, 1, 0), utf8Encode(`${host}\0`)),
          concatBytes(Uint8Array.of(5, 1, 0, 5, 1, 0, 3, length), utf8Encode(host), Uint8Array.of(high, low)),
          utf8Encode(`CONNECT ${host}:${port} HTTP/1.1\r\n\r\n`),
        ];
        for (const request of requests)
          expect(step(concatBytes(request, rest))).toMatchObject({ type: "connect", target: { host, port }, rest });
      }),
    );
  });
});

describe("ipv6Text (RFC 5952)", () => {
  it.each([
    ["00000000000000000000000000000000", "::"],
    ["00000000000000000000000000000001", "::1"],
    ["20010db8000000000000000000000000", "2001:db8::"],
    ["20010db8000000000001000000000001", "2001:db8::1:0:0:1"],
    ["20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"],
    ["20010000000000010000000000000001", "2001:0:0:1::1"],
    ["00010002000300040005000600070008", "1:2:3:4:5:6:7:8"],
    ["00000000000000000000ffffc0000201", "::ffff:192.0.2.1"],
    ["0000000000000000ffff0000c0000201", "::ffff:0:c000:201"],
    ["00000000000000000001ffffc0000201", "::1:ffff:c000:201"],
    ["000000000000000000000000c0000201", "::c000:201"],
    ["fe80000000000000abcdef0123456789", "fe80::abcd:ef01:2345:6789"],
  ])("formats %s as %s", (hex, expected) => {
    expect(ipv6Text(bytes(hex))).toBe(expected);
  });

  it("gives the same text as the platform's URL, except for IPv4-mapped addresses", () => {
    const group = oneof(constantFrom(0, 1), integer({ min: 0, max: 0xffff }));
    assert(
      property(array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const address = ipv6Text(groups.flatMap((one) => [one >> 8, one & 0xff]));
        if (!address.startsWith("::ffff:")) expect(new URL(`http://[${address}]/`).hostname).toBe(`[${address}]`);
        expect(new URL(`http://[${address}]/`).hostname).toBe(
          new URL(`http://[${groups.map((one) => one.toString(16)).join(":")}]/`).hostname,
        );
      }),
    );
  });
});
