import { base64Encode, Writer } from "@nacre/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAddress, parseOrigins } from "../src/address-match.ts";
import { type AuthorizedKeyCheck, parseAuthorizedKeys } from "../src/authorized-keys.ts";
import type { KeyUse } from "../src/certificate-login.ts";
import { parseExpiryTime, utcTime } from "../src/expiry-time.ts";
import { type KeyRestrictions, parseKeyOptions } from "../src/key-options.ts";

/** Returns a key blob. The parser of authorized_keys looks only at the format name. */
function key(format: string, seed: number): { blob: Uint8Array; text: string } {
  const blob = new Writer().string(format).string(Uint8Array.of(seed)).finish();
  return { blob, text: `${format} ${base64Encode(blob)}` };
}
const ed = key("ssh-ed25519", 1);
const rsa = key("ssh-rsa", 2);

const HERE: KeyUse = { address: "192.0.2.7", now: Date.UTC(2025, 5, 15, 12) };
const check = (text: string, use: Partial<KeyUse> = {}, blob = ed.blob): AuthorizedKeyCheck =>
  parseAuthorizedKeys(text).check(blob, { ...HERE, ...use });

function restrictions(options: string): KeyRestrictions {
  const parsed = parseKeyOptions(options);
  if (typeof parsed === "string") throw new Error(parsed);
  return parsed.restrictions;
}

const ALL = { pty: true, portForwarding: true, agentForwarding: true, x11Forwarding: true, userRc: true };
const NONE = { pty: false, portForwarding: false, agentForwarding: false, x11Forwarding: false, userRc: false };

function quoted(text: string): string {
  return `"${text.replaceAll('"', '\\"')}"`;
}

function matches(list: string, address: string | undefined, hostName?: string): boolean {
  const matcher = parseOrigins(list);
  if (typeof matcher === "string") throw new Error(matcher);
  return matcher({ address, hostName });
}

/** Returns one bit; bit 0 is the highest bit of the first byte. */
function bit(bytes: readonly number[], at: number): number {
  return (bytes[at >> 3]! >> (7 - (at & 7))) & 1;
}

/** Formats an address without any abbreviation. */
function addressOf(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join(".");
  return Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! * 256 + bytes[2 * i + 1]!).toString(16)).join(":");
}

function form(address: string): string {
  return [...parseAddress(address)!].join(" ");
}

describe("parsing only the lines with one key", () => {
  const { text: ED } = ed;
  const [format, base64] = ED.split(" ") as [string, string];

  test("gives the same verdict and line numbers as parsing the whole file", () => {
    const line = fc.constantFrom(
      "",
      "# a comment",
      `# ${ED}`,
      ED,
      `${ED} alice`,
      `${ED}\r`,
      `\t${ED}`,
      `no-pty ${ED}`,
      `no-such ${ED}`,
      `from="203.0.113.1" ${ED}`,
      `command="${ED}" ${ED}`,
      `command="${ED}" ${rsa.text}`,
      rsa.text,
      `${rsa.text} ${base64}`,
      base64,
      `${format}${base64}`,
      `${ED}x`,
      `${format}\t${base64}\t`,
      `ssh-rsa ${base64}`,
      "\r",
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), fc.constantFrom("\n", "\n\n"), (lines, end) => {
        const text = lines.join(end);
        for (const { blob } of [ed, rsa]) {
          const whole = parseAuthorizedKeys(text);
          const part = parseAuthorizedKeys(text, blob);
          expect(part.check(blob, HERE)).toEqual(whole.check(blob, HERE));
          expect(part.keys.length + part.problems.length).toBeLessThanOrEqual(lines.length);
        }
      }),
    );
  });

  test("ignores all other lines", () => {
    const text = `no-such ${rsa.text}\n${ED}\ngarbage\nno-such ${ED}\n`;
    const { keys, problems } = parseAuthorizedKeys(text, ed.blob);
    expect(keys.map(({ line }) => line)).toEqual([2]);
    expect(problems.map(({ line }) => line)).toEqual([4]);
    // A blob that is a prefix of every blob of its format, and an empty blob.
    const beginning = new Writer().string("ssh-ed25519").finish();
    expect(parseAuthorizedKeys(text, beginning)).toMatchObject({ keys: [], problems: [] });
    expect(parseAuthorizedKeys(text, new Uint8Array())).toMatchObject({ keys: [], problems: [] });
  });
});

describe("lines", () => {
  test("parses keys with and without options and comments, among empty and comment lines, with LF and CRLF", () => {
    const text = [
      "# a comment",
      "",
      `${ed.text} alice@example`,
      ` \tno-pty,command="echo \\"a, b\\"" \t${rsa.text}\tbob's key `,
      ed.text,
      `   # ${ed.text}`,
    ];
    for (const end of ["\n", "\r\n"]) {
      const file = parseAuthorizedKeys(text.join(end));
      expect(file.problems).toEqual([]);
      expect(file.keys.map(({ line, format, comment }) => [line, format, comment])).toEqual([
        [3, "ssh-ed25519", "alice@example"],
        [4, "ssh-rsa", "bob's key "],
        [5, "ssh-ed25519", ""],
      ]);
      expect(file.keys[1]!.restrictions).toMatchObject({ ...ALL, pty: false, command: 'echo "a, b"' });
    }
  });

  test.each([
    ["no-such-option", "unknown option no-such-option"],
    ["PTY2", "unknown option pty2"],
    ["no-restrict", "unknown option no-restrict"],
    ["no-command", "unknown option no-command"],
    ["pty=yes", 'malformed option at "pty=yes"'],
    ['pty="yes"', "unknown option pty"],
    ["command", "command requires a quoted value"],
    ["command=ls", 'malformed option at "command=ls"'],
    ['command="ls"x', 'malformed option at "command="ls"x"'],
    ['command="a",command="b"', "command is given more than once"],
    ['from="a",from="b"', "from is given more than once"],
    ['from=""', "invalid from list: empty pattern"],
    ['from="a,,b"', "invalid from list: empty pattern"],
    ['from="10.0.0.0/33"', "invalid from list: 10.0.0.0/33 has a mask longer than its address"],
    ['from="10.0.0.1/8"', "invalid from list: 10.0.0.1/8 has bits outside its mask"],
    ['from="*,!10.1/16"', "invalid from list: 10.1/16 is not an address"],
    ['from="*,!10.1"', "invalid from list: 10.1 is not an address"],
    ['from="*,!10.0.0.0/+8"', "invalid from list: 10.0.0.0/+8 is not an address"],
    ['from="*,!fe80::%eth0/10"', "invalid from list: fe80::%eth0/10 is not an address"],
    ['environment="=x"', "environment must have the form NAME=value"],
    ['environment="A"', "environment must have the form NAME=value"],
    ['environment="A-B=x"', "environment must have the form NAME=value"],
    ['expiry-time="tomorrow"', "expiry-time is not a valid time"],
    ['expiry-time="20230230"', "expiry-time is not a valid time"],
    ['permitopen="host"', "invalid permitopen address: host"],
    ['permitopen="22"', "invalid permitopen address: 22"],
    ['permitopen="host:0"', "invalid permitopen address: host:0"],
    ['permitlisten="65536"', "invalid permitlisten address: 65536"],
    ['tunnel="x"', "tunnel must be a number or any"],
    ['principals="a"', "principals needs cert-authority"],
    ['cert-authority,principals="a",principals="b"', "principals is given more than once"],
    ['command="\ufffd"', "command is not valid UTF-8"],
  ])("does not use a line with the option %s", (options, problem) => {
    const file = parseAuthorizedKeys(`${options} ${ed.text}`);
    expect(file.keys).toEqual([]);
    expect(file.problems).toEqual([{ line: 1, problem }]);
    expect(file.check(ed.blob, HERE)).toEqual({ allowed: false, reasons: [{ line: 1, reason: "problem" }] });
  });

  test.each([
    ["ssh-ed25519", "expected a key format and base64, optionally preceded by options"],
    ["ssh-ed25519 !!!!", "the key is not valid base64"],
    [`ssh-rsa ${base64Encode(ed.blob)}`, "the key has another format than the line names, ssh-rsa"],
    [`command="ls ${ed.text}`, "options are not terminated, or no key follows them"],
    ["no-pty", "options are not terminated, or no key follows them"],
    ["no-pty ssh-ed25519", "expected a key format and base64, optionally preceded by options"],
    [`no-pty, ${ed.text} `, undefined],
    [`,no-pty ${ed.text} `, undefined],
  ])("reports the problem of the line: %s", (line, problem) => {
    expect(parseAuthorizedKeys(line).problems).toEqual(problem === undefined ? [] : [{ line: 1, problem }]);
  });

  // "." does not match these line ends. A failed match could make the regular expression retry at every blank.
  test.each(["\u2028", "\r", "x"])("parses 250,000 blanks and %j after a key in linear time", (end) => {
    expect(check(`${ed.text}${" ".repeat(250_000)}${end}`).allowed).toBe(true);
  });

  test("still uses the other lines of the file", () => {
    const file = parseAuthorizedKeys(`bad ${ed.text}\n${rsa.text}\nssh-ed25519 x\nno-pty ${ed.text}`);
    expect(file.problems.map(({ line }) => line)).toEqual([1, 3]);
    expect(file.check(rsa.blob, HERE)).toMatchObject({ allowed: true, key: { line: 2 } });
    expect(file.check(ed.blob, HERE)).toMatchObject({ allowed: true, key: { line: 4, restrictions: { pty: false } } });
  });
});

describe("options", () => {
  test("allow everything if there are none", () => {
    expect(restrictions("")).toEqual({
      ...ALL,
      command: undefined,
      environment: {},
      permitOpen: undefined,
      permitListen: undefined,
      tunnel: undefined,
      touchRequired: true,
      verifyRequired: false,
    });
  });

  test.each([
    ["restrict", NONE],
    ["RESTRICT", NONE],
    ["restrict,pty", { ...NONE, pty: true }],
    ["pty,restrict", NONE],
    ["restrict,Port-Forwarding,user-rc", { ...NONE, portForwarding: true, userRc: true }],
    ["no-pty", { ...ALL, pty: false }],
    ["no-pty,pty", ALL],
    ["no-port-forwarding,no-agent-forwarding,no-X11-forwarding,no-user-rc,no-PTY", NONE],
    ["no-touch-required", { ...ALL, touchRequired: false }],
    ["no-touch-required,touch-required", { ...ALL, touchRequired: true }],
    ["verify-required", { ...ALL, verifyRequired: true }],
    ["verify-required,no-verify-required", { ...ALL, verifyRequired: false }],
    ['tunnel="0",command=""', { ...ALL, tunnel: 0, command: "" }],
    ['TUNNEL="any"', { ...ALL, tunnel: "any" }],
    ['environment="A=1",environment="B=x=y",environment="A=2"', { ...ALL, environment: { A: "1", B: "x=y" } }],
    [
      'permitopen="host:22",permitopen="[2001:db8::1]:*",permitlisten="8080",permitlisten="localhost:80"',
      { ...ALL, permitOpen: ["host:22", "[2001:db8::1]:*"], permitListen: ["8080", "localhost:80"] },
    ],
  ])("set restrictions: %s", (options, expected) => {
    expect(restrictions(options)).toMatchObject(expected);
  });

  test("accept environment variables named like object properties", () => {
    const { environment } = restrictions('environment="__proto__=x",environment="constructor=y"');
    expect(Object.entries(environment)).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
  });

  test("return any command unchanged if its quotes are escaped", () => {
    // A backslash before a quote is the only text that cannot be expressed.
    const command = fc
      .string({ unit: "grapheme-ascii", maxLength: 40 })
      .filter((text) => !/\\(?:"|$)/.test(text) && !text.includes("\n"));
    fc.assert(
      fc.property(command, command, (first, second) => {
        const options = `command=${quoted(first)},no-pty,environment=${quoted(`X=${second}`)}`;
        expect(restrictions(options)).toMatchObject({ command: first, environment: { X: second }, pty: false });
        const file = parseAuthorizedKeys(`${options} ${ed.text} comment`);
        expect(file.keys[0]).toMatchObject({ comment: "comment", restrictions: { command: first } });
      }),
    );
  });

  test("treat a backslash before a quote as an escape even after another backslash, as in sshd", () => {
    expect(restrictions(String.raw`command="a\\",no-pty"`).command).toBe(String.raw`a\",no-pty`);
    expect(restrictions(String.raw`command="a\b"`).command).toBe(String.raw`a\b`);
    expect(parseKeyOptions(String.raw`command="a\"`)).toBeTypeOf("string");
  });

  test("never throw: any line is a key, a problem or nothing", () => {
    const piece = fc.constantFrom('"', "\\", " ", ",", "=", "command", "from", "pty", ed.text, "no-", "#", "\t", "x");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const file = parseAuthorizedKeys(pieces.join(""));
        expect(file.keys.length + file.problems.length).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe("from", () => {
  test.each([
    ["192.0.2.7", "192.0.2.7", true],
    ["192.0.2.7", "192.0.2.77", false],
    ["192.0.2.*", "192.0.2.77", true],
    ["192.0.2.?", "192.0.2.77", false],
    ["*", "192.0.2.7", true],
    ["192.0.2.0/24", "192.0.2.255", true],
    ["192.0.2.0/24", "192.0.3.0", false],
    ["192.0.2.128/25", "192.0.2.127", false],
    ["0.0.0.0/0", "203.0.113.9", true],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["2001:db8::/32", "2001:db8:ffff::1", true],
    ["2001:db8::/32", "2001:db9::", false],
    ["2001:DB8::1", "2001:db8:0:0:0:0:0:1", true],
    ["fe80::/10", "fe80::1%eth0", true],
    ["::/0", "::1", true],
    ["10.0.0.0/8,!10.1.0.0/16", "10.2.0.1", true],
    ["10.0.0.0/8,!10.1.0.0/16", "10.1.0.1", false],
    ["!10.1.0.0/16,10.0.0.0/8", "10.1.0.1", false],
    ["!10.1.0.1", "10.2.0.1", false],
    ["*,!192.0.2.*", "192.0.2.7", false],
  ])("list %s and client %s: %s", (list, address, expected) => {
    expect(matches(list, address)).toBe(expected);
    expect(check(`from="${list}" ${ed.text}`, { address })).toMatchObject({ allowed: expected });
  });

  test("matches names only if the client's host name is known", () => {
    expect(matches("*.example.org", "192.0.2.7")).toBe(false);
    expect(matches("*.EXAMPLE.org", "192.0.2.7", "host.example.ORG")).toBe(true);
    expect(matches("*.example.org,!bad.example.org", "192.0.2.7", "bad.example.org")).toBe(false);
    expect(matches("*,!bad.example.org", "192.0.2.7", "bad.example.org")).toBe(false);
  });

  test("does not match a client with an unknown address", () => {
    expect(matches("*", undefined)).toBe(false);
    expect(check(`from="*" ${ed.text}`, { address: undefined })).toEqual({
      allowed: false,
      reasons: [{ line: 1, reason: "from" }],
    });
  });

  test("matches a network exactly if the address has the same prefix", () => {
    const version = fc.constantFrom(4, 16);
    fc.assert(
      fc.property(version, fc.infiniteStream(fc.nat(255)), fc.nat(128), fc.nat(127), (size, stream, bits, flip) => {
        const bytes = [...stream.take(size)];
        const length = bits % (size * 8 + 1);
        const network = bytes.map((_, index) =>
          Array.from({ length: 8 }, (_, i) => (index * 8 + i < length ? bit(bytes, index * 8 + i) : 0)).reduce(
            (byte, one) => byte * 2 + one,
            0,
          ),
        );
        const at = flip % (size * 8);
        const flipped = bytes.map((byte, index) => (index === at >> 3 ? byte ^ (0x80 >> (at & 7)) : byte));
        const list = `${addressOf(network)}/${length}`;
        expect(matches(list, addressOf(bytes))).toBe(true);
        expect(matches(list, addressOf(flipped))).toBe(at >= length);
      }),
    );
  });

  test.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.4.",
    "::1::",
    ":::",
    "1:2:3:4:5:6:7",
    "12345::",
    "g::",
  ])("rejects %o as an address", (address) => {
    expect(parseAddress(address)).toBeUndefined();
  });

  test("parses equivalent forms of an address alike", () => {
    expect(form("::")).toBe(form("0:0:0:0:0:0:0:0"));
    expect(form("::ffff:192.0.2.1")).toBe(form("::ffff:c000:201"));
    expect(form("1::")).toBe(form("1:0:0:0:0:0:0:0"));
    expect(form("1:2:3:4:5:6:192.0.2.1")).toBe(form("1:2:3:4:5:6:c000:201"));
  });
});

describe("expiry-time", () => {
  test.each([
    ["20250615Z", "2025-06-15T00:00:00Z"],
    ["202506151430Z", "2025-06-15T14:30:00Z"],
    ["20250615143059z", "2025-06-15T14:30:59Z"],
    ["20240229utc", "2024-02-29T00:00:00Z"],
    ["20000229Z", "2000-02-29T00:00:00Z"],
    ["21000301Z", "2100-03-01T00:00:00Z"],
  ])("parses %s as %s", (written, expected) => {
    const time = parseExpiryTime(written)!;
    expect(new Date(utcTime(time)).toISOString()).toBe(expected.replace("Z", ".000Z"));
    expect(time.utc).toBe(true);
  });

  test.each([
    "2025",
    "20250615T",
    "2025061514",
    "20251301",
    "20250600",
    "202506152460",
    "20250615240000",
    "19691231",
    "21000229",
  ])("rejects %s as a time", (written) => {
    expect(parseExpiryTime(written)).toBeUndefined();
  });

  test("agrees with the platform's Date for every day from 1970 to 9999", () => {
    const day = fc.date({ min: new Date(0), max: new Date(Date.UTC(9999, 11, 31)), noInvalidDate: true });
    fc.assert(
      fc.property(day, (date) => {
        const written = date.toISOString().replace(/[-:T]|\..*/g, "");
        const time = parseExpiryTime(`${written}Z`);
        expect(utcTime(time!)).toBe(Math.floor(date.getTime() / 1000) * 1000);
      }),
    );
  });

  test("allows a key until its earliest expiry time, and not afterwards", () => {
    const line = `expiry-time="20300101Z",expiry-time="20250615120000Z" ${ed.text}`;
    expect(check(line, { now: Date.UTC(2025, 5, 15, 12, 0, 0, 999) })).toMatchObject({ allowed: true });
    expect(check(line, { now: Date.UTC(2025, 5, 15, 12, 0, 1) })).toEqual({
      allowed: false,
      reasons: [{ line: 1, reason: "expired" }],
    });
  });

  test("reads a time without Z as local time", () => {
    const line = `expiry-time="202506151200" ${ed.text}`;
    const east = { localTime: (time: Parameters<typeof utcTime>[0]) => utcTime(time) - 2 * 3_600_000 };
    expect(check(line, { now: Date.UTC(2025, 5, 15, 11) })).toMatchObject({ allowed: true });
    expect(check(line, { now: Date.UTC(2025, 5, 15, 11), ...east })).toMatchObject({ allowed: false });
    expect(check(line, { now: Date.UTC(2025, 5, 15, 9), ...east })).toMatchObject({ allowed: true });
  });
});

describe("check", () => {
  test("refuses a key that is not in the file, without a reason", () => {
    expect(check(rsa.text)).toEqual({ allowed: false, reasons: [] });
  });

  test("uses the first line with the key for which the conditions hold", () => {
    const text = `from="203.0.113.1" ${ed.text}\nexpiry-time="20200101Z" ${ed.text}\nno-pty ${ed.text}\n${ed.text}`;
    expect(check(text)).toMatchObject({ allowed: true, key: { line: 3, restrictions: { pty: false } } });
    const first = text.split("\n").slice(0, 2).join("\n");
    expect(check(first)).toEqual({
      allowed: false,
      reasons: [
        { line: 1, reason: "from" },
        { line: 2, reason: "expired" },
      ],
    });
  });
});
