import {
  type Certificate,
  type CertificateOptions,
  generateEd25519,
  issueCertificate,
  parseCertificate,
  USER_PERMISSIONS,
} from "@nacre/keys";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { Writer } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { type AuthorizedKeyCheck, holdsKey, parseAuthorizedKeys } from "../src/authorized-keys.ts";
import { type CertificateLogin, findPrincipal, judgeCertificate, type KeyUse } from "../src/certificate-login.ts";
import { formatPublicKeyLine } from "../src/public-key-line.ts";

const random = hashChainRandom("certificate logins");
const authority = generateEd25519(random);
const key = generateEd25519(random);
const LINE = formatPublicKeyLine(authority.publicKey, "authority");
const NOW = 1_750_000_000n;
const HERE: KeyUse = { address: "192.0.2.7", now: Number(NOW) * 1000 };
const NONE = { pty: false, portForwarding: false, agentForwarding: false, x11Forwarding: false, userRc: false };
const ALL = { pty: true, portForwarding: true, agentForwarding: true, x11Forwarding: true, userRc: true };

function issue(options: Partial<CertificateOptions> = {}): Certificate {
  const whole: CertificateOptions = {
    publicKey: key.publicKey,
    type: "user",
    keyId: "alice@laptop",
    principals: ["alice"],
    validAfter: NOW - 10n,
    validBefore: NOW + 10n,
    random,
    ...options,
  };
  return parseCertificate(issueCertificate(authority, whole));
}

/** Returns what the certificate permits, or the problem. */
function judged(certificate: Certificate, login: Partial<CertificateLogin> = {}): unknown {
  const verdict = judgeCertificate(certificate, { ...HERE, principals: ["alice"], ...login });
  return verdict.restrictions ?? (verdict as { problem: string }).problem;
}

function checked(text: string, certificate: Certificate, user = "alice"): AuthorizedKeyCheck {
  return parseAuthorizedKeys(text, certificate.authority.blob).check(certificate, { ...HERE, user });
}

function detail(text: string, certificate: Certificate): unknown {
  const check = checked(text, certificate);
  return check.allowed ? check.key.restrictions : check.reasons[0]?.detail;
}

describe("a certificate at a server", () => {
  test("permits nothing that it does not name", () => {
    expect(judged(issue())).toMatchObject({ ...NONE, command: undefined, touchRequired: true, verifyRequired: false });
    expect(judged(issue({ extensions: { ...USER_PERMISSIONS, "login@example.org": "alice" } }))).toMatchObject(ALL);
    for (const [name, field] of Object.entries({ "permit-pty": "pty", "permit-X11-forwarding": "x11Forwarding" }))
      expect(judged(issue({ extensions: { [name]: "" } }))).toMatchObject({ ...NONE, [field]: true });
  });

  test("has a forced command, and may demand that the user is verified", () => {
    const criticalOptions = { "force-command": "backup", "verify-required": "" };
    expect(judged(issue({ criticalOptions }))).toMatchObject({ command: "backup", verifyRequired: true });
  });

  test("waives the touch only if the server does, too", () => {
    const certificate = issue({ extensions: { "no-touch-required": "" } });
    expect(judged(certificate)).toMatchObject({ touchRequired: true });
    expect(judged(certificate, { noTouchRequired: true })).toMatchObject({ touchRequired: false });
    expect(judged(issue(), { noTouchRequired: true })).toMatchObject({ touchRequired: true });
    expect(detail(`cert-authority ${LINE}`, certificate)).toMatchObject({ touchRequired: true });
    expect(detail(`cert-authority,no-touch-required ${LINE}`, certificate)).toMatchObject({ touchRequired: false });
  });

  test.each<[string, Partial<CertificateOptions>, Partial<CertificateLogin>, RegExp]>([
    ["of a host", { type: "host" }, {}, /^it is a host's/],
    ["in its first second after the end", { validBefore: NOW }, {}, /^it expired 0 seconds ago$/],
    ["before its first second", { validAfter: NOW + 1n }, {}, /^it is not valid before 1 seconds from now$/],
    ["for another user", { principals: ["bob"] }, {}, /none of the principals/],
    ["for a user in other letters", { principals: ["Alice"] }, {}, /none of the principals/],
    ["for a pattern", { principals: ["*", "a?ice"] }, {}, /none of the principals/],
    ["for nobody, if nobody is asked for", {}, { principals: [] }, /none of the principals/],
    ["with an unknown critical option", { criticalOptions: { "no-such": "x" } }, {}, /critical option no-such$/],
    ["from another address", { criticalOptions: { "source-address": "10.0.0.0/8,::1" } }, {}, /address is not among/],
    [
      "from an unknown address",
      { criticalOptions: { "source-address": "0.0.0.0/0" } },
      { address: undefined },
      /not among/,
    ],
  ])("is refused: %s", (_, options, login, problem) => {
    expect(judged(issue(options), login)).toMatch(problem);
  });

  test("is refused without principals, and with an empty one for a user without a name", () => {
    const certificate = issue();
    expect(judged({ ...certificate, principals: [] })).toMatch(/none of the principals/);
    expect(judged({ ...certificate, principals: [""] }, { principals: [""] })).toMatch(/none of the principals/);
  });

  test("is refused if an option has bytes behind its value, or a flag has a value", () => {
    const certificate = issue();
    const data = new Writer().string("id").byte(0).finish();
    expect(judged({ ...certificate, criticalOptions: new Map([["force-command", data]]) })).toMatch(/force-command/);
    expect(judged({ ...certificate, criticalOptions: new Map([["force-command", Uint8Array.of(0)]]) })).toMatch(
      /value/,
    );
    const nul = new Writer().string("id\0").finish();
    expect(judged({ ...certificate, criticalOptions: new Map([["force-command", nul]]) })).toMatch(/NUL/);
    expect(judged({ ...certificate, extensions: new Map([["permit-pty", Uint8Array.of(0)]]) })).toMatch(/has a value/);
  });

  test("is refused with a list of addresses that has a name, a pattern or an exception", () => {
    for (const list of ["*", "!10.0.0.1", "example.org", "10.0.0.1,", "10.0.0.0/33", "10.0.0.1/8", "192.0.2.*"])
      for (const addresses of [list, `192.0.2.7,${list}`])
        expect(judged(issue({ criticalOptions: { "source-address": addresses } }))).toMatch(
          /^its source-address is invalid/,
        );
    expect(judged(issue({ criticalOptions: { "source-address": "" } }))).toMatch(/source-address/);
  });

  test("is accepted in its first and its last second, and from an address in its networks", () => {
    expect(judged(issue({ validAfter: NOW, validBefore: NOW + 1n }))).toMatchObject(NONE);
    const networks = { "source-address": "10.0.0.0/8,192.0.2.0/24" };
    expect(judged(issue({ criticalOptions: networks }))).toMatchObject(NONE);
  });
});

describe("cert-authority in authorized_keys", () => {
  const certificate = issue({ extensions: USER_PERMISSIONS });

  test("accepts the user's certificate, and not the authority's own key", () => {
    expect(checked(`cert-authority ${LINE}`, certificate)).toMatchObject({ allowed: true, key: { line: 1 } });
    expect(parseAuthorizedKeys(`cert-authority ${LINE}`).check(authority.publicKey.blob, HERE)).toEqual({
      allowed: false,
      reasons: [],
    });
  });

  test("is needed: a plain line with the authority's key, or with the certificate's, accepts no certificate", () => {
    for (const line of [LINE, formatPublicKeyLine(key.publicKey)])
      expect(checked(line, certificate)).toEqual({ allowed: false, reasons: [] });
  });

  test("has principals in the place of the user's name", () => {
    const lines = `cert-authority,principals="bob,alice" ${LINE}`;
    expect(checked(lines, certificate, "root").allowed).toBe(true);
    expect(checked(lines, issue({ principals: ["root"] }), "root").allowed).toBe(false);
    expect(checked(`cert-authority,principals="" ${LINE}`, certificate).allowed).toBe(false);
    expect(checked(`cert-authority,principals="a*" ${LINE}`, certificate).allowed).toBe(false);
    expect(checked(`cert-authority ${LINE}`, certificate, "root").allowed).toBe(false);
  });

  test("permits only what both the line and the certificate permit", () => {
    expect(detail(`cert-authority,no-pty ${LINE}`, certificate)).toMatchObject({ ...ALL, pty: false });
    expect(detail(`cert-authority,restrict,pty ${LINE}`, certificate)).toMatchObject({ ...NONE, pty: true });
    expect(detail(`cert-authority ${LINE}`, issue())).toMatchObject(NONE);
    expect(detail(`cert-authority,permitopen="a:1",environment="A=1" ${LINE}`, certificate)).toMatchObject({
      permitOpen: ["a:1"],
      environment: { A: "1" },
    });
    expect(detail(`cert-authority,verify-required ${LINE}`, certificate)).toMatchObject({ verifyRequired: true });
  });

  test("runs the command of either, and refuses two", () => {
    const forced = issue({ criticalOptions: { "force-command": "id" } });
    expect(detail(`cert-authority,command="id" ${LINE}`, certificate)).toMatchObject({ command: "id" });
    expect(detail(`cert-authority ${LINE}`, forced)).toMatchObject({ command: "id" });
    expect(detail(`cert-authority,command="id" ${LINE}`, forced)).toMatchObject({ command: "id" });
    expect(detail(`cert-authority,command="who" ${LINE}`, forced)).toMatch(/forced command/);
  });

  test("demands the addresses of both, and ends with the line", () => {
    const near = issue({ criticalOptions: { "source-address": "192.0.2.0/24" } });
    expect(detail(`cert-authority,from="192.0.2.7" ${LINE}`, near)).toMatchObject(NONE);
    expect(detail(`cert-authority,from="10.*" ${LINE}`, near)).toMatch(/address/);
    const far = issue({ criticalOptions: { "source-address": "10.0.0.0/8" } });
    expect(detail(`cert-authority,from="192.0.2.7" ${LINE}`, far)).toMatch(/address/);
    expect(detail(`cert-authority,expiry-time="20250101Z" ${LINE}`, certificate)).toMatch(/line has expired/);
  });
});

describe("a principals file", () => {
  const certificate = issue({ principals: ["ops", "alice"] });

  test("gives the first line that names a principal, with its options", () => {
    const text = '# people\nbob\nno-pty,command="x y" ops # on call\nalice\r\n';
    expect(findPrincipal(text, certificate)).toMatchObject({
      found: { line: 3, principal: "ops", options: { restrictions: { pty: false, command: "x y" } } },
      problems: [],
    });
  });

  test("skips lines with options that it does not know, and reports them", () => {
    expect(findPrincipal("no-such ops\ncert-authority alice", certificate)).toEqual({
      found: undefined,
      problems: [
        { line: 1, problem: "unknown option no-such" },
        { line: 2, problem: "cert-authority is not for principals" },
      ],
    });
    expect(findPrincipal("o*\nOps\n#ops\nops#\n", certificate).found).toMatchObject({ line: 4 });
  });
});

test("a file of authorities holds the keys of its plain lines", () => {
  const { blob } = authority.publicKey;
  expect(holdsKey(`# ours\r\n  ${LINE}\r\n`, blob)).toBe(true);
  expect(holdsKey(`#${LINE}\nno-pty ${LINE}\n`, blob)).toBe(false);
  expect(holdsKey(LINE, key.publicKey.blob)).toBe(false);
});
