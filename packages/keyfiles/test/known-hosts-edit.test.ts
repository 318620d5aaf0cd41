import { fingerprint } from "@nacre/keys";
import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { vectors } from "@nacre/testing/keyfiles";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addKnownHost, parseKnownHosts, parsePublicKeyLine, removeKnownHost } from "../src/index.ts";

const random = hashChainRandom("known hosts editing");
const keys = vectors.publicKeys.map(({ line }) => {
  const { publicKey } = parsePublicKeyLine(line);
  return { blob: publicKey.blob, text: line.split(" ").slice(0, 2).join(" ") };
});
const [first, second] = keys as [(typeof keys)[0], (typeof keys)[0]];
const read = (text: string) => parseKnownHosts({ name: "known_hosts", text });

describe("addKnownHost", () => {
  test("appends a line with the line end of the file", () => {
    const line = `host ${first.text}`;
    expect(addKnownHost("", "Host", 22, first.blob)).toBe(`${line}\n`);
    expect(addKnownHost("# a\n", "host", 22, first.blob)).toBe(`# a\n${line}\n`);
    expect(addKnownHost("# a", "host", 22, first.blob)).toBe(`# a\n${line}\n`);
    expect(addKnownHost("# a\r\n", "host", 22, first.blob)).toBe(`# a\r\n${line}\r\n`);
    expect(addKnownHost("# a\r\n# b", "host", 22, first.blob)).toBe(`# a\r\n# b\r\n${line}\r\n`);
    expect(addKnownHost("", "host", 2222, first.blob, { comment: "x y" })).toBe(`[host]:2222 ${first.text} x y\n`);
  });

  test("hides the name if hashed", () => {
    const text = addKnownHost("", "host.example", 2222, first.blob, { hashWith: random });
    expect(text).toMatch(/^\|1\|[^|]{28}\|[^|]{28} ssh-/);
    expect(text).not.toContain("host");
    expect(read(text).check("host.example", 2222, first.blob).status).toBe("match");
    expect(addKnownHost("", "host.example", 2222, first.blob, { hashWith: random })).not.toBe(text);
  });

  test("rejects an invalid host, port, comment or key", () => {
    for (const host of ["a b", "*", "a,b", "@revoked", "# a", ""])
      expectError("usage", () => addKnownHost("", host, 22, first.blob));
    expectError("usage", () => addKnownHost("", "host", 0, first.blob));
    expectError("usage", () => addKnownHost("", "host", 22, first.blob, { comment: "a\n* ssh-rsa AAAA" }));
    expectError("key-malformed", () => addKnownHost("", "host", 22, first.blob.subarray(1)));
  });
});

describe("removeKnownHost", () => {
  const text = [
    "# comment\r\n",
    `a,b ${first.text}\n`,
    `@revoked a ${first.text}\n`,
    "a malformed\n",
    `@cert-authority a ${first.text}\n`,
    `A ${second.text}\r\n`,
    `[a]:2222 ${first.text}\n`,
    "# the end, unfinished",
  ];

  test("removes whole lines, and keeps marked, malformed and other lines byte for byte", () => {
    const kept = (...gone: number[]): string => text.filter((_, i) => !gone.includes(i + 1)).join("");
    expect(removeKnownHost(text.join(""), "a", 22)).toEqual({ text: kept(2, 6), removed: [2, 6] });
    expect(removeKnownHost(text.join(""), "a", 2222)).toEqual({ text: kept(7), removed: [7] });
    expect(removeKnownHost(text.join(""), "c", 22)).toEqual({ text: text.join(""), removed: [] });
    expect(removeKnownHost("", "c", 22)).toEqual({ text: "", removed: [] });
  });

  test("removes a last line without a line end", () => {
    expect(removeKnownHost(`x\na ${first.text}`, "a", 22)).toEqual({ text: "x\n", removed: [2] });
    expect(removeKnownHost(`a ${first.text}\nx`, "a", 22)).toEqual({ text: "x", removed: [1] });
  });

  test("rejects an invalid host", () => {
    expectError("usage", () => removeKnownHost(text.join(""), "*", 22));
  });
});

describe("editing any file", () => {
  const host = fc.constantFrom("a", "b", "c.example", "::1");
  const port = fc.constantFrom(22, 2222);
  const names = fc.constantFrom("a", "a,b", "*", "!a,*", "[a]:2222", "[*]:2222", "c.*");
  const key = fc.constantFrom(...keys);
  const line = fc.oneof(
    fc.constantFrom("", "# comment", "\t", "malformed", "@revoked", "é\u0000 x"),
    fc
      .tuple(fc.constantFrom("", "@revoked ", "@cert-authority "), names, key)
      .map(([marker, name, { text }]) => `${marker}${name} ${text}`),
  );
  const file = fc
    .tuple(fc.array(fc.tuple(line, fc.constantFrom("\n", "\r\n")), { maxLength: 8 }), fc.boolean())
    .map(([held, ended]) => {
      const whole = held.flat().join("");
      return ended ? whole : whole.replace(/\r?\n$/, "");
    });

  test("an added key matches unless revoked, and the old text is a prefix of the new text", () => {
    fc.assert(
      fc.property(file, host, port, key, fc.boolean(), (text, name, number, { blob }, hashed) => {
        const added = addKnownHost(text, name, number, blob, hashed ? { hashWith: random } : {});
        expect(added.startsWith(text)).toBe(true);
        expect(added.endsWith("\n")).toBe(true);
        const before = read(text).check(name, number, blob).status;
        expect(read(added).check(name, number, blob).status).toBe(before === "revoked" ? "revoked" : "match");
        expect(read(added).problems).toEqual(read(text).problems);
        expect(read(added).formats(name, number).length > 0 || before === "revoked").toBe(true);
      }),
    );
  });

  test("a removed host is no longer known, and all other lines stay", () => {
    fc.assert(
      fc.property(file, host, port, (text, name, number) => {
        const { text: after, removed } = removeKnownHost(text, name, number);
        expect(
          read(after)
            .find(name, number)
            .every(({ marker }) => marker !== undefined),
        ).toBe(true);
        const ended = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
        expect(after).toBe(ended.filter((_, i) => !removed.includes(i + 1)).join(""));
      }),
    );
  });

  test("adding and removing a new host restores the file", () => {
    fc.assert(
      fc.property(file, key, (text, { blob }) => {
        const alone = text.replaceAll("*", "x");
        const ended = alone === "" || alone.endsWith("\n") ? alone : `${alone}\n`;
        const added = addKnownHost(ended, "fresh.example", 22, blob);
        expect(removeKnownHost(added, "fresh.example", 22).text).toBe(ended);
        expect(fingerprint(blob, "sha256")).toMatch(/^SHA256:/);
      }),
    );
  });
});
