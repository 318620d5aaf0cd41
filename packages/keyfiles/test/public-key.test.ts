import { fingerprint } from "@nacre/keys";
import { expectError } from "@nacre/testing/errors";
import { type PublicKeyVector, vectors } from "@nacre/testing/keyfiles";
import { base64Decode, base64Encode, Writer } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { formatPublicKeyLine, parsePublicKeyFile, parsePublicKeyLine, randomart } from "../src/index.ts";

describe.each(vectors.publicKeys)("$line", ({ line, sha256, md5, rfc4716 }) => {
  const { publicKey, comment } = parsePublicKeyLine(line);

  test("formats back to the same line", () => {
    expect(formatPublicKeyLine(publicKey, comment)).toBe(line);
    expect(comment).toBe(line.split(" ")[2]);
  });

  test("has the fingerprints and pictures of ssh-keygen", () => {
    expect(fingerprint(publicKey.blob, "sha256")).toBe(sha256.fingerprint);
    expect(fingerprint(publicKey.blob, "md5")).toBe(md5.fingerprint);
    expect(randomart(publicKey.blob)).toBe(sha256.randomart);
    expect(randomart(publicKey.blob, "md5")).toBe(md5.randomart);
  });

  test("is the same key in RFC 4716 format", () => {
    const read = parsePublicKeyFile(rfc4716);
    expect(read.publicKey.blob).toEqual(publicKey.blob);
    expect(read.comment).toMatch(/^\d+-bit/);
  });
});

const [{ line }] = vectors.publicKeys as [PublicKeyVector];
const [format, base64] = line.split(" ") as [string, string];

describe("public key lines", () => {
  test.each([
    [`${format} ${base64}`, ""],
    [`${format} ${base64}\r\n`, ""],
    [`  ${format}\t${base64}  two words \n`, "two words"],
    [`${format} ${base64} # mark`, "# mark"],
    [`${format} ${base64}  two\u2028lines`, "two\u2028lines"],
  ])("parses %j", (text, comment) => {
    const read = parsePublicKeyLine(text);
    expect(read.comment).toBe(comment);
    expect(base64Encode(read.publicKey.blob)).toBe(base64);
  });

  const dsa = base64Encode(new Writer().string("ssh-dss").mpint(1n).finish());
  test.each([
    ["file-malformed", ""],
    ["file-malformed", format],
    ["file-malformed", `${format} ${base64}\n${format} ${base64}`],
    ["file-malformed", `${format} ${base64.slice(1)}`],
    ["file-malformed", `${format} AAAA`],
    ["file-malformed", `ssh-rsa ${base64}`],
    ["file-malformed", `command="x" ${format} ${base64}`],
    ["key-malformed", `${format} ${base64Encode(base64Decode(base64)!.subarray(0, 42))}`],
    ["key-unsupported", `ssh-dss ${dsa}`],
  ] as const)("rejects with %s: %j", (code, text) => {
    expectError(code, () => parsePublicKeyLine(text));
  });

  test("parses a comment of 250,000 blanks in linear time", () => {
    const comment = `a${" ".repeat(250_000)}b`;
    expect(parsePublicKeyLine(`${format} ${base64} ${comment}`).comment).toBe(comment);
  });

  test("rejects a comment of two lines when formatting", () => {
    for (const comment of ["a\nb", "a\rb", "a\0b"])
      expectError("usage", () => formatPublicKeyLine(parsePublicKeyLine(line).publicKey, comment));
  });
});

function block(headers: string): string {
  const lines = base64.match(/.{1,70}/g) ?? [];
  return ["---- BEGIN SSH2 PUBLIC KEY ----", `${headers}${lines.join("\n")}`, "---- END SSH2 PUBLIC KEY ----", ""].join(
    "\n",
  );
}

describe("public key files", () => {
  test("skips comments and empty lines", () => {
    expect(parsePublicKeyFile(`# mine\n\n${line}\n\n`).publicKey.format).toBe(format);
  });

  test("parses RFC 4716 headers in any case, quoted, continued, and unknown", () => {
    expect(parsePublicKeyFile(block("")).comment).toBe("");
    expect(parsePublicKeyFile(block('COMMENT: "a b"\n')).comment).toBe("a b");
    expect(parsePublicKeyFile(block("x-y: z\nComment: one \\\ntwo\nSubject: me\n")).comment).toBe("one two");
  });

  test.each([
    ["", "file-malformed"],
    ["# only\n", "file-malformed"],
    [`${line}\n${line}\n`, "file-malformed"],
    ["---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n", "file-malformed"],
    ["---- BEGIN SSH2 PUBLIC KEY ----\nComment: \\", "file-malformed"],
    ["---- BEGIN SSH2 PUBLIC KEY ----\n!!!!\n---- END SSH2 PUBLIC KEY ----\n", "file-malformed"],
    ["---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n", "key-malformed"],
  ] as const)("rejects %j with %s", (text, code) => {
    expectError(code, () => parsePublicKeyFile(text));
  });
});
