import { expectError } from "@nacre/testing/errors";
import { vectors } from "@nacre/testing/keyfiles";
import { describe, expect, test } from "vitest";
import { parseAllowedSigners, parsePublicKeyLine, type SignerCertificate } from "../src/index.ts";

const keys = vectors.publicKeys.map(({ line }) => ({
  line: line.split(" ").slice(0, 2).join(" "),
  blob: parsePublicKeyLine(line).publicKey.blob,
}));
const [alice, bob, authority] = keys as [(typeof keys)[0], (typeof keys)[0], (typeof keys)[0]];
const at = (text: string): number => Date.parse(text);
const use = { namespace: "file", time: at("2026-06-15T12:00:00Z") };
const HOUR = 3600_000;
const seconds = (text: string): bigint => BigInt(at(text) / 1000);

/** Whether a list lets the owner of a key sign as an identity: the number of the line, or the reasons why not. */
function ask(text: string, identity: string, signer = alice.blob, more: Partial<typeof use> = {}): number | string[] {
  const check = parseAllowedSigners(text).check(identity, { publicKey: signer }, { ...use, ...more });
  return check.allowed ? check.line : check.reasons.map(({ line, reason }) => `${line} ${reason}`);
}

describe("a list of signers", () => {
  test("has comments, empty lines, CRLF, quoted names and comments of keys", () => {
    const text = `# ${alice.line}\n\n \t\r\n "alice,b ob"\t${alice.line} a comment\r\nbob ${bob.line}`;
    expect(parseAllowedSigners(text).problems).toEqual([]);
    expect(ask(text, "alice")).toBe(4);
    expect(ask(text, "b ob")).toBe(4);
    expect(ask(text, "bob", bob.blob)).toBe(5);
    expect(ask(text, "bob")).toEqual([]);
  });

  test("finds the patterns of a key, and those that match an identity", () => {
    const text = `*@a.org,!eve@a.org ${alice.line}\nalice namespaces="git" ${alice.line}\n*@a.org ${bob.line}\n`;
    const signers = parseAllowedSigners(text);
    expect(signers.findPrincipals({ publicKey: alice.blob }, use.time)).toBe("*@a.org,!eve@a.org");
    expect(signers.findPrincipals({ publicKey: authority.blob }, use.time)).toBeUndefined();
    expect(signers.matchPrincipals("bob@a.org")).toEqual(["*@a.org,!eve@a.org", "*@a.org"]);
    expect(signers.matchPrincipals("eve@a.org")).toEqual(["*@a.org"]);
    expect(signers.matchPrincipals("!eve@a.org")).toEqual(["*@a.org,!eve@a.org", "*@a.org"]);
    const spoilt = parseAllowedSigners(`${text}bob octopus ${bob.line}\neve\n`);
    expect(spoilt.matchPrincipals("alice")).toEqual(["alice"]);
    for (const name of ["bob", "eve"]) expectError("file-malformed", () => spoilt.matchPrincipals(name));
    expectError("file-malformed", () => parseAllowedSigners(`${text}"eve`).matchPrincipals("alice"));
  });

  test("counts times as local unless they end in Z", () => {
    const text = `alice valid-after="20260615120000",valid-before="20260615120000Z" ${alice.line}`;
    expect(parseAllowedSigners(text).problems).toHaveLength(1);
    const east = parseAllowedSigners(text, (time) => Date.UTC(time.year, time.month - 1, time.day, time.hour) - HOUR);
    const checked = (time: number): boolean => east.check("alice", { publicKey: alice.blob }, { ...use, time }).allowed;
    expect([0, HOUR, HOUR + 1000].map((ago) => checked(use.time - ago))).toEqual([true, true, false]);
  });
});

test("SSHSIG: lines of allowed signers · client", () => {
  for (const options of [
    "octopus",
    'cert-authority="yes"',
    "namespaces",
    "namespaces=file",
    'namespaces="file"x',
    'namespaces="file",namespaces="git"',
    'namespaces="file',
    'valid-after="yesterday"',
    'valid-before="20261301"',
    'valid-after="20260101",valid-after="20270101"',
    'valid-after="20260601",valid-before="20260601"',
    'valid-after="20260602",valid-before="20260601"',
    'namespaces="file",',
    'restrict,namespaces="file"',
  ]) {
    const text = `alice ${options} ${alice.line}`;
    expect([options, ask(text, "alice")]).toEqual([options, []]);
    expect(parseAllowedSigners(text).problems.map(({ line }) => line)).toEqual([1]);
  }
  for (const line of [
    "alice",
    alice.line,
    `alice ${bob.line.slice(0, 40)}`,
    `"alice ${alice.line}`,
    "alice ssh-rsa AAAA",
  ])
    expect(parseAllowedSigners(line).problems.map(({ line }) => line)).toEqual([1]);
});

test("SSHSIG: identities and namespaces of allowed signers · client", () => {
  const text = `*@example.org,!root@example.org NAMESPACES="git*,!git-x" ${alice.line}\n`;
  const git = { namespace: "git" };
  expect(ask(text, "alice@example.org", alice.blob, git)).toBe(1);
  expect(ask(text, "root@example.org", alice.blob, git)).toEqual([]);
  expect(ask(text, "alice@example.com", alice.blob, git)).toEqual([]);
  expect(ask(text, "alice@example.org", bob.blob, git)).toEqual([]);
  expect(ask(text, "alice@example.org")).toEqual(["1 namespace"]);
  expect(ask(text, "alice@example.org", alice.blob, { namespace: "git-x" })).toEqual(["1 namespace"]);
  expect(ask(`${text}*@example.org ${alice.line}`, "alice@example.org")).toBe(2);
});

test("SSHSIG: times of allowed signers · client", () => {
  const text = `alice valid-after="20260601Z",valid-before="20260630235959Z" ${alice.line}`;
  const time = (when: string): number | string[] => ask(text, "alice", alice.blob, { time: at(when) });
  expect(time("2026-05-31T23:59:59.999Z")).toEqual(["1 not-yet-valid"]);
  expect(time("2026-06-01T00:00:00Z")).toBe(1);
  expect(time("2026-06-30T23:59:59.999Z")).toBe(1);
  expect(time("2026-07-01T00:00:00Z")).toEqual(["1 expired"]);
});

test("SSHSIG: certificates of allowed signers · client", () => {
  const certificate: SignerCertificate = {
    type: "user",
    principals: ["alice@a.org", "*"],
    validAfter: seconds("2026-06-01T00:00:00Z"),
    validBefore: seconds("2026-07-01T00:00:00Z"),
    authority: authority.blob,
  };
  const list = `*@a.org,!eve@a.org cert-authority ${authority.line}\n`;
  const certified = (
    identity: string,
    changed: Partial<SignerCertificate> = {},
    { text = list, time = use.time, publicKey = alice.blob } = {},
  ): unknown => {
    const signer = { publicKey, certificate: { ...certificate, ...changed } };
    const check = parseAllowedSigners(text).check(identity, signer, { namespace: "file", time });
    return check.allowed || check.reasons.map(({ reason }) => reason);
  };
  expect(certified("alice@a.org")).toBe(true);
  // A principal is not a pattern, and must match the line as well.
  expect(certified("bob@a.org")).toEqual(["certificate"]);
  expect(certified("eve@a.org", { principals: ["eve@a.org"] })).toEqual([]);
  expect(certified("alice@a.org", { principals: [] })).toEqual(["certificate"]);
  expect(certified("alice@a.org", { type: "host" })).toEqual(["certificate"]);
  expect(certified("alice@a.org", { authority: bob.blob })).toEqual([]);
  const late = certificate.validBefore * 1000n;
  expect(certified("alice@a.org", {}, { time: Number(late) - 1 })).toBe(true);
  expect(certified("alice@a.org", {}, { time: Number(late) })).toEqual(["expired"]);
  expect(certified("alice@a.org", {}, { time: Number(certificate.validAfter) * 1000 })).toBe(true);
  expect(certified("alice@a.org", {}, { time: Number(certificate.validAfter) * 1000 - 1 })).toEqual(["not-yet-valid"]);
  // The line of an authority does not stand for its key, nor a plain line for what its key certifies.
  expect(ask(list, "alice@a.org", authority.blob)).toEqual([]);
  expect(certified("alice@a.org", {}, { text: `* ${authority.line}` })).toEqual([]);
  // The line of the certificate itself needs no more than that of a plain key.
  expect(certified("bob", { type: "host", validBefore: 0n }, { text: `bob ${alice.line}` })).toBe(true);
  const own = parseAllowedSigners(`bob,carol ${alice.line}`);
  expect(own.findPrincipals({ publicKey: alice.blob, certificate }, use.time)).toBe("bob,carol");
  const found = parseAllowedSigners(list).findPrincipals({ publicKey: alice.blob, certificate }, use.time);
  expect(found).toBe("alice@a.org");
  const expired = parseAllowedSigners(list).findPrincipals({ publicKey: alice.blob, certificate }, Number(late));
  expect(expired).toBeUndefined();
});
