import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { vectors } from "@nacre/testing/keyfiles";
import { base64Encode, Writer } from "@nacre/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hmacSha1, parseKnownHosts } from "../src/hashed-names.ts";
import { hashName, hostName, parseNames } from "../src/known-host-names.ts";
import type { KnownHosts } from "../src/known-hosts.ts";

const random = hashChainRandom("known hosts");

/** Returns a key blob. The parser of known_hosts checks only the format name and that all fields are present. */
function key(format: string, seed: number): { blob: Uint8Array; text: string } {
  const writer = new Writer().string(format);
  for (const length of PARTS[format] ?? [1]) writer.string(new Uint8Array(length).fill(seed));
  const blob = writer.finish();
  return { blob, text: `${format} ${base64Encode(blob)}` };
}
/** Field lengths (RFC 8709 §4, RFC 5656 §3.1, RFC 4253 §6.6, OpenSSH PROTOCOL.u2f). Integers may have any length. */
const PARTS: Readonly<Record<string, readonly number[]>> = {
  "ssh-ed25519": [32],
  "ecdsa-sha2-nistp256": [8, 65],
  "ecdsa-sha2-nistp384": [8, 97],
  "ecdsa-sha2-nistp521": [8, 133],
  "ssh-rsa": [3, 257],
  "ssh-dss": [128, 20, 128, 127],
  "sk-ssh-ed25519@openssh.com": [32, 4],
  "sk-ecdsa-sha2-nistp256@openssh.com": [8, 65, 4],
};
const ed1 = key("ssh-ed25519", 1);
const ed2 = key("ssh-ed25519", 2);
const rsa = key("ssh-rsa", 3);
const ecdsa = key("ecdsa-sha2-nistp256", 4);

const parse = (...lines: string[]): KnownHosts => parseKnownHosts({ name: "known_hosts", text: lines.join("\n") });
const UNKNOWN = { status: "unknown", entries: [], authorities: [] };
const lines = (entries: readonly { line: number }[]): number[] => entries.map(({ line }) => line);

/** Splits `[host]:port` or a plain host into host and port. */
function apart(name: string): [host: string, port: number] {
  const [, host, port] = /^\[(.*)\]:(\d+)$/.exec(name) ?? [];
  return host === undefined ? [name, 22] : [host, Number(port)];
}

describe("find returns the lines that ssh-keygen -F finds", () => {
  const { text, hashed, queries } = vectors.knownHosts;
  const plainFile = parseKnownHosts({ name: "plain", text });
  const hashedFile = parseKnownHosts({ name: "hashed", text: hashed });

  test.each(queries)("$name", ({ name, found, foundHashed }) => {
    expect(lines(plainFile.find(...apart(name)))).toEqual(found);
    expect(lines(hashedFile.find(...apart(name)))).toEqual(foundHashed);
  });

  test("and reports no problem", () => {
    expect([...plainFile.problems, ...hashedFile.problems]).toEqual([]);
  });
});

describe("check", () => {
  test("a listed key matches in any position among others", () => {
    const hosts = parse(`a ${ed1.text}`, `a ${rsa.text}`, `b ${ed2.text}`, `a,b ${ecdsa.text} comment`);
    expect(hosts.check("a", 22, rsa.blob)).toMatchObject({
      status: "match",
      entries: [{ line: 2, format: "ssh-rsa" }],
    });
    expect(hosts.check("B", 22, ecdsa.blob)).toMatchObject({ status: "match", entries: [{ line: 4, names: "a,b" }] });
  });

  test("another key of the same or another format is `changed`, with the lines for the host", () => {
    const hosts = parse(`a ${ed1.text}`, `b ${ed2.text}`, `a ${rsa.text}`);
    const same = hosts.check("a", 22, ed2.blob);
    expect([same.status, lines(same.entries)]).toEqual(["changed", [1, 3]]);
    const other = hosts.check("b", 22, ecdsa.blob);
    expect([other.status, lines(other.entries)]).toEqual(["changed", [2]]);
  });

  test("a host that is not listed is unknown", () => {
    expect(parse(`a ${ed1.text}`).check("b", 22, ed1.blob)).toEqual(UNKNOWN);
    expect(parse().check("b", 22, ed1.blob)).toEqual(UNKNOWN);
  });

  test("@revoked overrides earlier and later lines, for its own key and hosts only", () => {
    for (const order of [0, 1]) {
      const both = [`a,c ${ed1.text}`, `@revoked a,b ${ed1.text}`];
      const hosts = parse(...(order === 0 ? both : both.toReversed()));
      expect(hosts.check("a", 22, ed1.blob).status).toBe("revoked");
      expect(hosts.check("b", 22, ed1.blob).status).toBe("revoked");
      expect(hosts.check("b", 22, ed2.blob).status).toBe("unknown");
      expect(hosts.check("c", 22, ed1.blob).status).toBe("match");
    }
    const everywhere = parse(`@revoked * ${ed1.text}`, `[a]:2222 ${ed1.text}`);
    expect(everywhere.check("a", 2222, ed1.blob).status).toBe("revoked");
  });

  test("a key revoked for a host is revoked on all its ports", () => {
    const hosts = parse(`[a]:2222 ${ed1.text}`, `@revoked a ${ed1.text}`);
    expect(hosts.check("a", 2222, ed1.blob)).toMatchObject({ status: "revoked", entries: [{ line: 2 }] });
  });

  test("the key of a certificate authority is not a host key", () => {
    const hosts = parse(`@cert-authority *.example ${ed1.text}`);
    expect(hosts.check("a.example", 22, ed1.blob).status).toBe("unknown");
    expect(hosts.find("a.example", 22)).toMatchObject([{ marker: "cert-authority", format: "ssh-ed25519" }]);
  });

  test("an authority is trusted for the hosts of its lines, on all ports if the line has none", () => {
    const authority = `@cert-authority *.example,!b.example ${rsa.text}`;
    const hashed = `@cert-authority ${hashName("c.example", random, hmacSha1)} ${ecdsa.text}`;
    const hosts = parse(`a.example ${ed1.text}`, authority, hashed, `@cert-authority [d.example]:2222 ${ecdsa.text}`);
    const trusted = (host: string, port: number, { blob }: { blob: Uint8Array }): number[] =>
      lines(hosts.check(host, port, ed1.blob, blob).authorities);
    expect(trusted("a.example", 22, rsa)).toEqual([2]);
    expect(trusted("a.example", 2222, rsa)).toEqual([2]);
    expect(trusted("a.example", 22, ecdsa)).toEqual([]);
    expect(trusted("b.example", 22, rsa)).toEqual([]);
    expect(trusted("c.example", 22, ecdsa)).toEqual([3]);
    expect(trusted("d.example", 2222, ecdsa)).toEqual([4]);
    expect(trusted("d.example", 22, ecdsa)).toEqual([]);
    // The line of a host's key makes it no authority.
    expect(trusted("a.example", 22, ed1)).toEqual([]);
    // The key itself is judged as ever.
    expect(hosts.check("a.example", 22, ed1.blob, rsa.blob).status).toBe("match");
    expect(hosts.check("a.example", 22, ed2.blob, rsa.blob).status).toBe("changed");
    expect(hosts.check("c.example", 22, ed1.blob, ecdsa.blob).status).toBe("unknown");
    expect(["a.example", "b.example", "c.example"].map((host) => hosts.hasAuthority(host, 22))).toEqual([
      true,
      false,
      true,
    ]);
  });

  test("an authority that is revoked for the host revokes what it certified", () => {
    const hosts = parse(`a ${ed1.text}`, `@cert-authority * ${rsa.text}`, `@revoked a ${rsa.text}`);
    expect(hosts.check("a", 22, ed1.blob, rsa.blob)).toMatchObject({ status: "revoked", entries: [{ line: 3 }] });
    expect(hosts.check("a", 22, ed1.blob).status).toBe("match");
    expect(hosts.check("b", 22, ed1.blob, rsa.blob)).toMatchObject({ status: "unknown", authorities: [{ line: 2 }] });
  });

  test("a revoked certificate revokes the key in it", () => {
    const name = "ssh-ed25519-cert-v01@openssh.com";
    const certificate = new Writer()
      .string(name)
      .string("nonce")
      .string(new Uint8Array(32).fill(1))
      .raw(new Uint8Array(9));
    const hosts = parse(`a ${ed1.text}`, `@revoked a ${name} ${base64Encode(certificate.finish())}`);
    expect(hosts.check("a", 22, ed1.blob).status).toBe("revoked");
    expect(hosts.check("a", 22, ed2.blob).status).toBe("changed");
    expect(hosts.formats("a", 22)).toEqual([]);
  });

  test("a revoked key of any format leaves other keys alone", () => {
    for (const format of ["a,b", `${"x".repeat(99)}-cert-v01@openssh.com`, "ssh-dss-cert-v01@openssh.com"]) {
      const blob = base64Encode(new Writer().string(format).string("rest").finish());
      const hosts = parse(`a ${ed1.text}`, `@revoked * ${format} ${blob}`);
      expect([hosts.problems, hosts.check("a", 22, ed1.blob).status]).toEqual([[], "match"]);
    }
  });

  test("with a port, lines for that port decide; without any, matching lines for the plain host count", () => {
    const hosts = parse(`a ${ed1.text}`, `[a]:2222 ${ed2.text}`);
    expect(hosts.check("a", 2222, ed2.blob).status).toBe("match");
    expect(hosts.check("a", 2222, ed1.blob).status).toBe("changed");
    expect(hosts.check("a", 22, ed2.blob).status).toBe("changed");
    expect(hosts.check("a", 2223, ed1.blob)).toMatchObject({ status: "match", entries: [{ line: 1 }] });
    // As in OpenSSH, since another port may be another machine.
    expect(hosts.check("a", 2223, ed2.blob)).toEqual(UNKNOWN);
  });

  test("combines several files and names the file of each entry", () => {
    const hosts = parseKnownHosts(
      { name: "user", text: `a ${ed1.text}\nbad` },
      { name: "system", text: `# all\n@revoked * ${rsa.text}\nb ${ed2.text}` },
    );
    expect(hosts.check("a", 22, ed1.blob)).toMatchObject({ status: "match", entries: [{ file: "user", line: 1 }] });
    expect(hosts.check("b", 22, ed2.blob)).toMatchObject({ status: "match", entries: [{ file: "system", line: 3 }] });
    expect(hosts.check("a", 22, rsa.blob)).toMatchObject({ status: "revoked", entries: [{ file: "system", line: 2 }] });
    expect(hosts.problems).toMatchObject([{ file: "user", line: 2 }]);
  });
});

describe("formats", () => {
  test("lists the formats of keys that would match, in order and once", () => {
    const hosts = parse(
      `a ${rsa.text}`,
      `@cert-authority a ${ecdsa.text}`,
      `* ${ed1.text}`,
      `a ${ed2.text}`,
      `@revoked a ${rsa.text}`,
      `[b]:22022 ${ecdsa.text}`,
    );
    expect(hosts.formats("a", 22)).toEqual(["ssh-ed25519"]);
    expect(hosts.formats("b", 22)).toEqual(["ssh-ed25519"]);
    expect(parse(`a ${rsa.text}`, `a ${ed1.text}`).formats("a", 22)).toEqual(["ssh-rsa", "ssh-ed25519"]);
    expect(parse(`a ${rsa.text}`).formats("a", 2222)).toEqual(["ssh-rsa"]);
    expect(parse(`a ${rsa.text}`, `[a]:2222 ${ed1.text}`).formats("a", 2222)).toEqual(["ssh-ed25519"]);
    expect(parse(`a ${rsa.text}`).formats("b", 22)).toEqual([]);
  });
});

describe("lines", () => {
  test("accepts comments, empty lines, CRLF and any blanks between fields", () => {
    const hosts = parse(
      "# a",
      "",
      "  ",
      "\t# b",
      `a\t \t${ed1.text.replace(" ", "\t\t")}  a comment\r`,
      `  b ${ed2.text}\r`,
    );
    expect(hosts.problems).toEqual([]);
    expect(hosts.check("a", 22, ed1.blob)).toMatchObject({ status: "match", entries: [{ line: 5 }] });
    expect(hosts.check("b", 22, ed2.blob)).toMatchObject({ status: "match", entries: [{ line: 6 }] });
  });

  const salt = base64Encode(new Uint8Array(20));
  test.each([
    ["a name alone", "a", /format/],
    ["a missing key", "a ssh-ed25519", /base64/],
    ["a damaged key", `a ssh-ed25519 ${base64Encode(ed1.blob).slice(1)}`, /base64/],
    ["a key of another format", `a ssh-rsa ${base64Encode(ed1.blob)}`, /ssh-rsa/],
    ["a format to escape", `a \u001b[2J ${base64Encode(ed1.blob)}`, /\\x1b\[2J/],
    ["a key without a format", "a ssh-rsa AAAA", /base64/],
    ["an unknown marker", `@trusted a ${ed1.text}`, /marker/],
    ["a marker in another case", `@Revoked a ${ed1.text}`, /marker/],
    ["two markers", `@revoked @cert-authority a ${ed1.text}`, /more than one/],
    ["a marker alone", "@revoked", /names/],
    ["a hash without its parts", `|1|${salt} ${ed1.text}`, /hash/],
    ["a hash of another kind", `|2|${salt}|${salt} ${ed1.text}`, /hash/],
    ["a hash too short", `|1|${salt}|AAAA ${ed1.text}`, /hash/],
    ["a salt too short", `|1|AAAA|${salt} ${ed1.text}`, /hash/],
    ["a hash and a name", `|1|${salt}|${salt},* ${ed1.text}`, /hash/],
    ["a hash after a blank part", `||1|${salt}|${salt} ${ed1.text}`, /hash/],
  ])("%s is reported with its line number and matches no host", (_, line, says) => {
    const hosts = parse("# first", line, `b ${ed2.text}`);
    expect(hosts.problems).toMatchObject([{ file: "known_hosts", line: 2, problem: expect.stringMatching(says) }]);
    expect(hosts.check("a", 22, ed1.blob).status).toBe("unknown");
    expect(hosts.check("b", 22, ed2.blob).status).toBe("match");
  });

  // What `ssh` of OpenSSH 10.0 found with `StrictHostKeyChecking=yes` and a server with the key `ed1`.
  const [half, rest] = [ed2.text.slice(0, 30), ed2.text.slice(30)];
  test.each([
    ["CR before CR LF", `a ${ed2.text}\r\r\n`, "changed"],
    ["CR before CR LF, with the host's key", `a ${ed1.text}\r\r\n`, "match"],
    ["CR before CR LF, of a revoked key", `@revoked a ${ed1.text}\r\r\n`, "revoked"],
    ["CR alone", `a ${ed2.text}\r`, "changed"],
    ["CR alone, after a comment", `a ${ed1.text} b\ra ${ed2.text}\r`, "match"],
    ["CR alone, after a key", `a ${ed2.text}\ra ${ed1.text}\r`, "unknown"],
    ["CR within the key", `a ${half}\r${rest}\n`, "changed"],
    ["vertical tab and form feed within the key", `a ${half}\v\f${rest}\n`, "changed"],
    ["CR between the names and the key", `a\r${ed2.text}\n`, "unknown"],
    ["a byte order mark", `\xef\xbb\xbfa ${ed2.text}\n`, "unknown"],
    ["a byte order mark before another line", `\xef\xbb\xbf# b\na ${ed2.text}\n`, "changed"],
    ["NUL after the key", `a ${ed2.text}\0\n`, "changed"],
    ["NUL after the host's key", `a ${ed1.text}\0\n`, "match"],
    ["NUL after a revoked key", `@revoked a ${ed1.text}\0\n`, "revoked"],
    ["NUL within the key", `a ${half}\0${rest}\n`, "unknown"],
    ["NUL after the names", `a\0${ed2.text}\n`, "changed"],
    ["NUL after the names of a revoked key", `@revoked a\0 ${ed1.text}\0\n`, "revoked"],
    ["NUL within the names", `b\0,a ${ed2.text}\n`, "unknown"],
    ["NUL after a marker", `@cert-authority\0 a ${ed2.text}\n`, "unknown"],
    ["NUL on a line of its own", `\0\na ${ed2.text}\n`, "changed"],
    ["a pattern of 1022 characters", `${"b".repeat(1022)},a ${ed2.text}\n`, "changed"],
    ["a pattern of 1023 characters", `a,${"b".repeat(1023)} ${ed1.text}\n`, "unknown"],
    ["a negated pattern of 1023 characters", `a,!${"b".repeat(1023)} ${ed1.text}\n`, "unknown"],
    ["a pattern of 10 MiB", `${"*b".repeat(5 * 2 ** 20)},a ${ed1.text}\n`, "unknown"],
    ["a comment of 10 MiB", `a ${ed2.text} ${"b ".repeat(5 * 2 ** 20)}\n`, "changed"],
    ["a commented line of 10 MiB", `#${"b".repeat(10 * 2 ** 20)}\na ${ed2.text}\n`, "changed"],
  ])("are read as OpenSSH reads them: %s", (_, text, status) => {
    const hosts = parseKnownHosts({ name: "known_hosts", text });
    expect(hosts.check("a", 22, ed1.blob).status).toBe(status);
    expect(hosts.hasAuthority("a", 22)).toBe(false);
  });

  test.each(Object.keys(PARTS))(
    "a %s key that is truncated or has trailing bytes is reported and skipped",
    (format) => {
      const { blob } = key(format, 9);
      const whole = `a ${format} ${base64Encode(blob)}`;
      expect(parse(whole).check("a", 22, ed1.blob).status).toBe("changed");
      for (let length = 4 + format.length; length < blob.length; length++) {
        const hosts = parse(`a ${format} ${base64Encode(blob.subarray(0, length))}`);
        expect([length, hosts.problems]).toMatchObject([length, [{ line: 1, problem: "the key is malformed" }]]);
        expect([length, hosts.check("a", 22, ed1.blob).status]).toEqual([length, "unknown"]);
        expect(hosts.formats("a", 22)).toEqual([]);
      }
      const longer = new Uint8Array(blob.length + 1);
      longer.set(blob);
      expect(parse(`a ${format} ${base64Encode(longer)}`, whole).problems).toMatchObject([{ line: 1 }]);
    },
  );

  test("a key of an unknown format counts as a known key of the host", () => {
    const hosts = parse(`a ${key("new@example.com", 1).text}`);
    expect([hosts.problems, hosts.check("a", 22, ed1.blob).status]).toEqual([[], "changed"]);
  });

  test("never throws for any text, and every verdict except unknown has an entry", () => {
    const piece = fc.constantFrom(
      "a",
      "*",
      "!",
      "?",
      ",",
      " ",
      "\t",
      "\n",
      "\r",
      "#",
      "@revoked",
      "|1|",
      ed1.text,
      "\0",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const hosts = parseKnownHosts({ name: "x", text: pieces.join("") });
        const { status, entries } = hosts.check("a", 22, ed1.blob);
        expect(entries.length > 0).toBe(status !== "unknown");
      }),
    );
  });
});

describe("names", () => {
  test("patterns match like the equivalent regular expressions", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", ".", "*", "?"), minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        letters,
        fc.array(fc.tuple(fc.boolean(), pattern), { minLength: 1, maxLength: 3 }),
        (name, patterns) => {
          const slow = (text: string): boolean =>
            new RegExp(`^${text.replaceAll(".", "\\.").replaceAll("*", ".*").replaceAll("?", ".")}$`).test(name);
          const matches = patterns.filter(([negated]) => !negated).some(([, text]) => slow(text));
          const refused = patterns.filter(([negated]) => negated).some(([, text]) => slow(text));
          const names = patterns.map(([negated, text]) => `${negated ? "!" : ""}${text}`).join(",");
          expect(parseNames(names, hmacSha1)!(name), `${names} on ${name}`).toBe(matches && !refused);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("a pattern with many stars takes no exponential time", () => {
    expect(parseNames(`${"*a".repeat(400)}b`, hmacSha1)!("a".repeat(1000))).toBe(false);
  });

  test("a hash matches only its own name", () => {
    fc.assert(
      fc.property(fc.domain(), fc.domain(), fc.integer({ min: 1, max: 65535 }), (host, other, port) => {
        const matcher = parseNames(hashName(hostName(host, port), random, hmacSha1), hmacSha1)!;
        expect(matcher(hostName(host, port))).toBe(true);
        expect(matcher(hostName(host, (port % 65535) + 1))).toBe(false);
        expect(matcher(hostName(other, port))).toBe(host.toLowerCase() === other.toLowerCase());
      }),
    );
  });

  test("hostName returns the canonical form of a host and port", () => {
    expect(hostName("Host.Example", 22)).toBe("host.example");
    expect(hostName("host", 2222)).toBe("[host]:2222");
    expect(hostName("2001:DB8::1", 22)).toBe("2001:db8::1");
    expect(hostName("fe80::1%eth0", 2222)).toBe("[fe80::1%eth0]:2222");
  });

  test.each([
    "",
    "a b",
    "a,b",
    "*",
    "h?st",
    "!a",
    "#a",
    "@revoked",
    "|1|a|b",
    "[a]:22",
    "[a]",
    "a\nb",
    "a\0",
    "hôte",
    "a".repeat(1025),
  ])("rejects %j as a host", (host) => {
    expectError("usage", () => hostName(host, 22));
    expectError("usage", () => parse().check(host, 22, ed1.blob));
  });

  test.each([0, -1, 65536, 22.5, Number.NaN])("rejects %d as a port", (port) => {
    expectError("usage", () => hostName("a", port));
  });
});
