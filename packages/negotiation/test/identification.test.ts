import { type Identification, IdentificationReader, identificationString, type Role } from "@nacre/negotiation";
import { concatBytes, SshError, utf8Encode } from "@nacre/wire";
import { assert, integer, property } from "fast-check";
import { describe, expect, test } from "vitest";

const LIMITS = { preBannerLines: 3, preBannerBytes: 40 };

function read(text: string | Uint8Array, peer: Role = "server"): string | undefined {
  const bytes = typeof text === "string" ? utf8Encode(text) : text;
  return new IdentificationReader(peer, LIMITS).receive(bytes)?.line;
}

function refusal(text: string | Uint8Array, peer: Role = "server"): SshError {
  try {
    read(text, peer);
  } catch (error) {
    return error as SshError;
  }
  throw new Error("expected an error");
}

describe("identificationString", () => {
  test("consists of SSH-2.0 and the software version", () => {
    expect(identificationString("Nacre_0.1.0")).toBe("SSH-2.0-Nacre_0.1.0");
    expect(identificationString("x".repeat(245))).toHaveLength(253);
  });

  test.each(["", "a-b", "a b", "a\r\nb", "é", "x".repeat(246)])("rejects the software version %j", (version) => {
    expect(() => identificationString(version)).toThrow(expect.objectContaining({ code: "usage" }));
  });
});

describe("IdentificationReader", () => {
  test.each([
    "SSH-2.0-OpenSSH_10.0p2 Debian-5",
    "SSH-2.0-x",
    "SSH-2.0-Cisco-1.25",
    "SSH-2.0-billsSSH_3.6.3q3 ",
    "SSH-1.99-OpenSSH_3.4p1",
  ])("accepts %j, ended by CR LF or by LF alone", (line) => {
    expect(read(`${line}\r\n`)).toBe(line);
    expect(read(`${line}\n`)).toBe(line);
  });

  test("returns the number of bytes before the first packet", () => {
    const reader = new IdentificationReader("server", LIMITS);
    expect(reader.receive(utf8Encode("hi\r\nSSH-2"))).toBeUndefined();
    expect(reader.receive(utf8Encode(".0-a\r\n\0\0\0"))).toEqual({ line: "SSH-2.0-a", consumed: 6 });
  });

  test("finds the same string for any split into chunks", () => {
    const bytes = utf8Encode("Welcome!\n\r\nSSH-2.0-a b\r\nrest");
    assert(
      property(integer({ min: 0, max: 25 }), integer({ min: 0, max: 25 }), (a, b) => {
        const reader = new IdentificationReader("server", LIMITS);
        const cuts = [0, Math.min(a, b), Math.max(a, b), bytes.length];
        let before = 0;
        let found: Identification | undefined;
        for (let i = 0; found === undefined; i++) {
          before = cuts.at(i)!;
          found = reader.receive(bytes.subarray(cuts[i], cuts[i + 1]));
        }
        expect([found.line, before + found.consumed]).toEqual(["SSH-2.0-a b", 24]);
      }),
    );
  });

  test("accepts at most 255 bytes, including CR LF", () => {
    const longest = `SSH-2.0-${"x".repeat(245)}`;
    expect(read(`${longest}\r\n`)).toBe(longest);
    expect(read(`${longest}y\n`)).toBe(`${longest}y`);
    expect(refusal(`${longest}y\r\n`).code).toBe("banner-limit");
    expect(refusal(`${longest}yy`).code).toBe("banner-limit");
  });

  test("skips earlier lines from a server, up to the limits", () => {
    const longest = "x".repeat(38);
    expect(read(`a\r\nb\n${longest}\r\nSSH-2.0-a\r\n`)).toBe("SSH-2.0-a");
    expect(refusal("a\r\nb\nc\nd\nSSH-2.0-a\r\n")).toMatchObject({
      code: "banner-limit",
      message: 'the server sent more than 3 lines before its identification string, starting with "a"',
    });
    expect(refusal(`${longest}x\r\n`).code).toBe("banner-limit");
    expect(read(`${longest}x\n`)).toBeUndefined();
  });

  test("requires a client to send its identification string first", () => {
    expect(read("SSH-2.0-a\r\n", "client")).toBe("SSH-2.0-a");
    expect(refusal("hello", "client")).toMatchObject({
      code: "not-ssh",
      culprit: "peer",
      message: expect.stringContaining('"h"'),
    });
    expect(refusal("\nSSH-2.0-a\r\n", "client").code).toBe("not-ssh");
    expect(refusal("SSHx", "client").code).toBe("not-ssh");
  });

  test.each([
    ["SSH-1.5-OpenSSH_1.2\n", "server"],
    ["SSH-3.0-x\r\n", "server"],
    ["SSH-1.99-x\r\n", "client"],
  ] as const)("rejects another protocol version: %j from a %s", (line, peer) => {
    expect(refusal(line, peer)).toMatchObject({ code: "protocol-version", culprit: "unsupported" });
  });

  test.each(["SSH-2.0\r\n", "SSH-2.0-\r\n", "SSH-2.0- x\r\n", "SSH--x\r\n", "SSH-2.0-a\rb\r\n", "SSH-2.0-a\tb\r\n"])(
    "rejects the malformed string %j",
    (line) => {
      expect(refusal(line).code).toBe("not-ssh");
    },
  );

  test.each(["SSH-2.0-a\0b\r\n", "\0", "hello\0"])("rejects a NUL byte immediately: %j", (text) => {
    expect(refusal(text).code).toBe("not-ssh");
  });

  test("rejects bytes beyond ASCII", () => {
    expect(refusal("SSH-2.0-é\r\n").code).toBe("not-ssh");
  });

  test("shows an empty first line of a client as such", () => {
    expect(refusal("\n", "client").message).toMatch(/; it sent ""$/);
  });

  test("the excerpt of other data is short and escaped", () => {
    const reader = new IdentificationReader("server", LIMITS);
    expect(reader.excerpt).toBeUndefined();
    reader.receive(utf8Encode("\x1b[31mHTTP/1.1"));
    expect(reader.excerpt).toBe('"\\x1b[31mHTTP/1.1"');
    reader.receive(utf8Encode(" 400 Bad Request\r\nServer: x\r\n"));
    expect(reader.excerpt).toBe('"\\x1b[31mHTTP/1.1 400 Bad Request"');

    const long = new IdentificationReader("server", { preBannerLines: 1, preBannerBytes: 8192 });
    long.receive(concatBytes(new Uint8Array(500).fill(0xff)));
    expect(long.excerpt).toBe(`"${"\ufffd".repeat(60)}…"`);
  });
});
