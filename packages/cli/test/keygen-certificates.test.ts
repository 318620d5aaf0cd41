import { readFile, stat, writeFile } from "node:fs/promises";
import { formatPublicKeyLine, parsePublicKeyLine, signFile } from "@nacre/keyfiles";
import {
  certificateKey,
  certifiedPrivateKey,
  FOREVER,
  generateEd25519,
  issueCertificate,
  parseCertificate,
  prepareCertificate,
} from "@nacre/keys";
import { expectMode } from "@nacre/testing/windows";
import { utf8Encode, Writer } from "@nacre/wire";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { formatLocalTime, formatValidity, parseValidity } from "../src/keygen/certificate-times.ts";
import { privateKeyText } from "../src/keygen/key-files.ts";
import { path, printed, run, said, useKeygen } from "./keygen-run.ts";

// test/verify/keygen-certificates.test.ts compares many more command lines with ssh-keygen.

useKeygen();

const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index + 1);
const [authority, key] = [1, 2].map((first) => generateEd25519((length) => counting(length).fill(first, 0, 1)));

beforeEach(async () => {
  vi.stubEnv("TZ", "UTC");
  const file = await privateKeyText(authority!, { format: "openssh", passphrase: "", comment: "" });
  await writeFile(path("ca"), file, { mode: 0o600 });
  const secret = await privateKeyText(key!, { format: "openssh", passphrase: "", comment: "" });
  await writeFile(path("key"), secret, { mode: 0o600 });
  await writeFile(path("ca.pub"), `${formatPublicKeyLine(authority!.publicKey)}\n`);
  await writeFile(path("key.pub"), `${formatPublicKeyLine(key!.publicKey, "a comment")}\n`);
  await writeFile(path("data"), "data");
});

describe("-s", () => {
  test("signs a certificate with the key's comment, which -L shows", async () => {
    expect(await run("-s @ca -I me -n alice,bob -z 7 -V 20200101:20300101Z -O clear -O permit-pty @key.pub")).toBe(0);
    const file = path("key-cert.pub");
    expect(said).toBe(
      `Signed user key ${file}: id "me" serial 7 for alice,bob valid from 2020-01-01T00:00:00 to 2030-01-01T00:00:00\n`,
    );
    const { publicKey, comment } = parsePublicKeyLine(await readFile(file, "utf8"));
    expect(comment).toBe("a comment");
    await expectMode(file, 0o644 & ~process.umask());
    const certificate = parseCertificate(publicKey.blob);
    expect(certificate).toMatchObject({ type: "user", isVerified: true, principals: ["alice", "bob"] });
    expect([...certificate.extensions.keys()]).toEqual(["permit-pty"]);
    expect(await run("-L -f @key-cert.pub")).toBe(0);
    expect(printed).toMatch(/Key ID: "me"\n {8}Serial: 7\n {8}Valid: from 2020-.*\n {8}Principals: \n {16}alice\n/);
  });

  test("warns of a certificate that never expires, and -h makes one of a host", async () => {
    expect(await run("-h -s @ca -I h -n *.example.org @key.pub")).toBe(0);
    expect(said).toMatch(/^Signed host key .* valid forever\nWarning: .* never expires/);
    expect(await run("-qhs @ca -I h -n h @key.pub")).toBe(0);
    expect(said).toBe("");
  });

  test("warns of a certificate without names", async () => {
    expect(await run("-s @ca -I me -V +1d @key.pub")).toBe(0);
    expect(said).toMatch(/^Signed user key \S+: id "me" serial 0 valid from .*\nWarning: \S+ names no user, .* -n\n$/);
    expect(await run("-L -f @key-cert.pub")).toBe(0);
    expect(printed).toContain("Principals: (none)");
    expect(await run("-qhs @ca -I me @key.pub")).toBe(0);
    expect(said).toBe("");
  });

  test.each([
    ["-s @ca -I me -n a, @key.pub", "Empty principal name"],
    ["-s @ca -n a @key.pub", "Must specify key id"],
    ["-s @ca -I me -n a", "Too few arguments"],
    ["-s @ca -I me -n a -O source-address=*.example.org @key.pub", "Invalid source-address list"],
    ["-s @ca -I me -n a -O critical:x -O critical:x @key.pub", "already specified"],
    ["-s @ca -I me -n a -t rsa-sha2-512 @key.pub", "doesn't match"],
    ["-Us @ca -I me -n a @key.pub", "agent not present"],
  ])("%s is refused", async (line, problem) => {
    expect(await run(line)).toBeGreaterThan(0);
    expect(said).toContain(problem);
    await expect(stat(path("key-cert.pub"))).rejects.toThrow();
  });
});

test("-L escapes the texts of a certificate, and says which lines have none", async () => {
  const content = {
    publicKey: key!.publicKey,
    type: "user",
    principals: ["a\nb", "\u001b[1m"],
    keyId: "x\ny",
  } as const;
  const blob = issueCertificate(authority!, { ...content, validBefore: "forever", random: counting });
  const line = formatPublicKeyLine(certificateKey(parseCertificate(blob)));
  expect(await run("-L -f -", `x\n# comment\n${line}\n${formatPublicKeyLine(key!.publicKey)}\n`)).toBe(0);
  expect(printed).toContain('Key ID: "x\\x0ay"');
  expect(printed).toContain("                a\\x0ab\n                \\x1b[1m\n");
  expect(said).toBe("(stdin):1: invalid key: invalid format\n(stdin):4 is not a certificate\n");
});

test("a key signs files with its certificate, until this is revoked", async () => {
  await run("-qs @ca -I me -n alice @key.pub");
  expect(await run("-Y sign -n file -f @key-cert.pub @data")).toBe(0);
  const { publicKey } = authority!;
  await writeFile(path("signers"), `alice cert-authority ${formatPublicKeyLine(publicKey)}\n`);
  const verify = "-Y verify -n file -f @signers -s @data.sig -I";
  expect(await run(`${verify} alice`, "data")).toBe(0);
  expect(printed).toMatch(/^Good "file" signature for alice with ED25519-CERT key SHA256:/);
  expect(await run(`${verify} bob`, "data")).toBe(255);
  expect(await run("-Y find-principals -f @signers -s @data.sig")).toBe(0);
  expect(printed).toBe("alice\n");
  expect(await run("-kf @list @key-cert.pub")).toBe(0);
  expect(await run("-Qlf @list @key-cert.pub @key.pub")).toBe(1);
  expect(printed).toMatch(/\nid: me\n.*REVOKED\n.*: ok\n$/);
  expect(await run(`${verify} alice -r @list`, "data")).toBe(255);
  expect(said).toContain("revoked");
});

test("refuses a certificate with a signature that it cannot verify", async () => {
  const content = { publicKey: key!.publicKey, type: "user", keyId: "me", principals: ["alice"] } as const;
  const { data } = prepareCertificate(authority!.publicKey, { ...content, validBefore: "forever", random: counting });
  const signature = new Writer().string("ssh-rsa").string("forged").finish();
  const forged = parseCertificate(new Writer().raw(data).string(signature).finish());
  const options = { namespace: "file", random: counting };
  await writeFile(path("sig"), signFile(certifiedPrivateKey(key!, forged), utf8Encode("data"), options));
  await writeFile(path("signers"), `alice cert-authority ${formatPublicKeyLine(authority!.publicKey)}\n`);
  for (const line of ["verify -n file -I alice", "find-principals"]) {
    expect(await run(`-Y ${line} -f @signers -s @sig`, "data")).toBe(255);
    expect(said).toContain("the authority of the certificate signed with ssh-rsa");
  }
});

test("times are those of ssh-keygen", () => {
  const now = 1_796_011_534n;
  expect(parseValidity("+1w2d3h", now)).toEqual({ validAfter: 1_796_011_440n, validBefore: now + 788_400n });
  expect(parseValidity("-1h30m:+90", now)).toEqual({ validAfter: now - 5400n, validBefore: now + 90n });
  expect(parseValidity("always:forever", now)).toEqual({ validAfter: 0n, validBefore: FOREVER });
  for (const text of ["", "forever", "+", "+1x", "+99999999999", "1:", ":2", "+1:-1", "0x:forever", "always:2020"])
    expect(() => parseValidity(text, now), text).toThrow(/nvalid|Empty/);
  expect(formatValidity({ validAfter: 5n, validBefore: FOREVER })).toBe("after 1970-01-01T00:00:05");
  expect(formatValidity({ validAfter: 0n, validBefore: 0x7f_ffff_ffffn })).toBe("before 19391-01-25T12:18:07");
  expect(formatLocalTime(0xffff_ffff_ffffn)).toBe("8921556-12-07T10:44:15");
});
