import { parseKnownHosts } from "@nacre/keyfiles";
import {
  type CertificateOptions,
  defaultCertificateAlgorithms,
  defaultSignatureAlgorithms,
  ed25519,
  fingerprint,
  generateEd25519,
  hostCertificateProblem,
  issueCertificate,
  type PrivateKey,
  parseCertificate,
  type SignatureAlgorithm,
} from "@nacre/keys";
import { seededRandom } from "@nacre/testing/random";
import { base64Encode } from "@nacre/wire";
import type { HostKey } from "nacre";
import { certificateNote, decideByKnownHosts, type HostCertificates, hostCertificates } from "nacre/extend";
import { describe, expect, test } from "vitest";

const random = seededRandom(23);
const [host, other, authority, stranger] = [1, 2, 3, 4].map(() => generateEd25519(random)) as [
  PrivateKey,
  PrivateKey,
  PrivateKey,
  PrivateKey,
];

/** 2026-01-01, in seconds since 1970. */
const NOW = 1_767_225_600;

const keyOf = ({ publicKey: { format, blob } }: PrivateKey): string => `${format} ${base64Encode(blob)}`;

interface Issue extends Partial<CertificateOptions> {
  readonly by?: PrivateKey;
}

function certificateOf({ by = authority, ...options }: Issue = {}): ReturnType<typeof parseCertificate> {
  const blob = issueCertificate(by, {
    publicKey: host.publicKey,
    type: "host",
    keyId: "a host",
    principals: ["example.org"],
    validBefore: "forever",
    random,
    ...options,
  });
  return parseCertificate(blob);
}

/** Returns what a verifier gets for a certificate of the host. */
function presented(issue: Issue = {}): HostKey {
  const certificate = certificateOf(issue);
  const { blob } = certificate.publicKey;
  return { algorithm: certificate.format, blob, fingerprint: fingerprint(blob, "sha256"), certificate };
}

interface Known {
  readonly host?: string;
  readonly port?: number;
  readonly alias?: string;
  /** Seconds since 1970. */
  readonly now?: number;
  readonly authorityAlgorithms?: readonly string[];
  readonly offered?: readonly SignatureAlgorithm[];
  readonly lines?: readonly string[];
  readonly certificates?: HostCertificates | undefined;
}

const TRUSTED = `@cert-authority example.org ${keyOf(authority)}`;

function decide({ lines = [TRUSTED], host: name = "example.org", port = 22, now = NOW, ...options }: Known = {}) {
  const remembered: HostKey[] = [];
  const asked: unknown[] = [];
  const common = {
    host: name,
    port,
    known: parseKnownHosts({ name: "known_hosts", text: lines.join("\n") }),
    now: () => now * 1000,
    fingerprint: (blob: Uint8Array) => fingerprint(blob, "sha256"),
    remember: async (key: HostKey) => void remembered.push(key),
    remedies: { add: "add it", remove: "remove it" },
    certificates: hostCertificates,
    ...options,
  };
  return {
    remembered,
    asked,
    strict: decideByKnownHosts({ ...common, unknownHost: undefined }),
    asking: decideByKnownHosts({ ...common, unknownHost: (key) => asked.push(key) > 0 }),
  };
}

/** Returns `true`, or the code and message of the error. */
async function verdict(issue: Issue = {}, known: Known = {}): Promise<true | string> {
  try {
    return (await decide(known).strict.verify(presented(issue))) as true;
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  }
}

/** A verdict that says why the certificate did not count. */
function refused(text: RegExp): unknown {
  return expect.stringMatching(new RegExp(`^host-key-unknown: .* \\(the certificate ${text.source}`));
}

/** Returns a certificate as known_hosts has it. */
function asLine(issue: Issue): string {
  const { format, blob } = certificateOf(issue);
  return `${format} ${base64Encode(blob)}`;
}

test("certificates of hosts: authorities · client", async () => {
  expect(await verdict()).toBe(true);
  // Several authorities, patterns and ports.
  expect(await verdict({}, { lines: [`@cert-authority * ${keyOf(stranger)}`, TRUSTED] })).toBe(true);
  expect(await verdict({}, { lines: [`@cert-authority *.org,!bad.org ${keyOf(authority)}`] })).toBe(true);
  expect(await verdict({}, { port: 2222 })).toBe(true);
  expect(await verdict({}, { port: 2222, lines: [`@cert-authority [*]:2222 ${keyOf(authority)}`] })).toBe(true);
  // Not this host's, not this port's, and none at all.
  for (const lines of [
    [`@cert-authority elsewhere.org ${keyOf(authority)}`],
    [`@cert-authority *,!example.org ${keyOf(authority)}`],
    [`@cert-authority [example.org]:2222 ${keyOf(authority)}`],
    [`@cert-authority example.org ${keyOf(stranger)}`],
    [`@cert-authority example.org ${keyOf(host)}`],
    [],
  ])
    expect(await verdict({}, { lines }), lines[0]).toMatch(/^host-key-unknown: .*is by an authority that is not known/);
  // The line of the authority's own key makes it no authority, but a known key that is not the host's.
  expect(await verdict({}, { lines: [`example.org ${keyOf(authority)}`] })).toMatch(/^host-key-changed: /);
});

test("certificates of hosts: revoked keys and authorities · client", async () => {
  const revoking = (text: string): Known => ({ lines: [TRUSTED, `example.org ${keyOf(host)}`, `@revoked ${text}`] });
  expect(await verdict({}, revoking(`* ${keyOf(stranger)}`))).toBe(true);
  expect(await verdict({}, revoking(`* ${keyOf(host)}`))).toMatch(/^host-key-revoked: /);
  expect(await verdict({}, revoking(`* ${keyOf(authority)}`))).toMatch(/^host-key-revoked: .*known_hosts:3/);
  expect(await verdict({}, revoking(`elsewhere.org ${keyOf(authority)}`))).toBe(true);
  // Any certificate of the key revokes the key.
  expect(await verdict({}, revoking(`* ${asLine({ by: stranger })}`))).toMatch(/^host-key-revoked: /);
  expect(await verdict({}, revoking(`* ${asLine({ publicKey: other.publicKey })}`))).toBe(true);
  // Revocation also beats what a certificate that does not count falls back to.
  expect(await verdict({ validBefore: 1n }, revoking(`* ${keyOf(authority)}`))).toMatch(/^host-key-revoked: /);
});

test("certificates of hosts: type, time, names and options · client", async () => {
  expect(await verdict({ type: "user" })).toEqual(refused(/is for users, not for hosts\)/));
  const [second, at] = [BigInt(NOW), { now: NOW }];
  expect(await verdict({ validAfter: second }, at)).toBe(true);
  expect(await verdict({ validAfter: second + 1n }, at)).toEqual(refused(/is not valid before 2026-01-01T00:00:01Z\)/));
  expect(await verdict({ validBefore: second + 1n }, at)).toBe(true);
  expect(await verdict({ validBefore: second }, at)).toEqual(refused(/expired on 2026-01-01T00:00:00Z\)/));
  expect(await verdict({ validAfter: 2n ** 63n }, at)).toEqual(refused(/is not valid before second \d+ since 1970\)/));

  // The principal is the pattern, and the host's name never is.
  for (const principals of [["*.org"], ["ex?mple.org"], ["*"], ["elsewhere.org", "example.org"]])
    expect(await verdict({ principals }), principals[0]).toBe(true);
  for (const principals of [["elsewhere.org"], ["Example.org"], ["example.org:22"], ["[example.org]:22"], ["!*"]])
    expect(await verdict({ principals }), principals[0]).toEqual(refused(/is for /));
  expect(await verdict({}, { host: "EXAMPLE.org" })).toBe(true);
  expect(await verdict({}, { port: 2222 })).toBe(true);
  expect(await verdict({}, { alias: "db" })).toEqual(refused(/is for example\.org\)/));
  expect(await verdict({ principals: ["db"] }, { alias: "DB" })).toBe(true);

  for (const name of ["force-command", "source-address", "unknown@example.org"])
    expect(await verdict({ criticalOptions: { [name]: "x" } })).toEqual(refused(/demands the unknown option /));
  expect(await verdict({ extensions: { "permit-pty": "", "unknown@example.org": "x" } })).toBe(true);
  expect(await verdict({}, { authorityAlgorithms: ["rsa-sha2-512"] })).toEqual(
    refused(/is signed with ssh-ed25519, which is not accepted\)/),
  );
});

test("certificates of hosts: no plain keys offered · client", async () => {
  const known = { lines: [TRUSTED, `example.org ${keyOf(host)}`] };
  const offered = defaultCertificateAlgorithms;
  expect(await verdict({}, { ...known, offered })).toBe(true);
  expect(await verdict({ validBefore: 1n }, { ...known, offered })).toMatch(/^host-key-refused: .*expired on 1970/);
  const others = [...offered, ...defaultSignatureAlgorithms.filter(({ name }) => name !== "ssh-ed25519")];
  expect(await verdict({ validBefore: 1n }, { ...known, offered: others })).toMatch(/^host-key-refused: /);
  const all = [...offered, ...defaultSignatureAlgorithms];
  expect(await verdict({ validBefore: 1n }, { ...known, offered: all })).toBe(true);
});

describe("a certificate that is not accepted", () => {
  const expired: Issue = { validBefore: 1n };

  test("leaves the plain key known, unknown or changed", async () => {
    expect(await verdict(expired, { lines: [TRUSTED, `example.org ${keyOf(host)}`] })).toBe(true);
    expect(await verdict(expired)).toMatch(/^host-key-unknown: .*expired on 1970-01-01T00:00:01Z/);
    expect(await verdict(expired, { lines: [TRUSTED, `example.org ${keyOf(other)}`] })).toMatch(
      /^host-key-changed: .*expired on 1970-01-01T00:00:01Z/,
    );
  });

  test("is asked about with the reason, and the plain key is remembered", async () => {
    const { asking, asked, remembered } = decide();
    expect(await asking.verify(presented(expired))).toBe(true);
    expect(asked).toMatchObject([{ host: "example.org", certificateProblem: { reason: "expired", at: 1n } }]);
    expect(remembered.map(({ blob }) => blob)).toEqual([host.publicKey.blob]);
  });

  test("is described without control characters, and briefly", () => {
    const certificate = certificateOf({ principals: ["a\x1b[2J", "b".repeat(9000), "c", "d", "e", "f", "g"] });
    const text = certificateNote(certificate, { reason: "principal" });
    expect(text).not.toContain("\x1b");
    expect(text.length).toBeLessThan(280);
    expect(text).toMatch(/ and 2 more\)$/);
  });
});

test("a certificate that counts is accepted without a question, and is not remembered", async () => {
  const { asking, asked, remembered } = decide({ lines: [TRUSTED, `example.org ${keyOf(other)}`] });
  expect(await asking.verify(presented())).toBe(true);
  expect([asked, remembered]).toEqual([[], []]);
});

test("without `hostCertificates`, a certificate counts as the plain key in it", async () => {
  const without = { certificates: undefined };
  expect(await verdict({}, without)).toMatch(/^host-key-unknown: /);
  expect(await verdict({}, { ...without, lines: [TRUSTED, `example.org ${keyOf(host)}`] })).toBe(true);
  const revoked = `@revoked * ${keyOf(authority)}`;
  expect(await verdict({}, { ...without, lines: [revoked, `example.org ${keyOf(host)}`] })).toMatch(
    /^host-key-revoked: /,
  );
  const ordered = decide(without).strict.order([ed25519, ...defaultCertificateAlgorithms]);
  expect(ordered[0]).toBe(ed25519);
});

test("algorithms of certificates come first for a host with an authority, else after those of known keys", () => {
  const algorithms = [...defaultCertificateAlgorithms.slice(0, 2), ...defaultSignatureAlgorithms.slice(0, 5)];
  const [certificates, plain] = [algorithms.slice(0, 2), algorithms.slice(2)].map((list) =>
    list.map(({ name }) => name),
  ) as [string[], string[]];
  const order = (...lines: string[]): string[] =>
    decide({ lines })
      .strict.order(algorithms)
      .map(({ name }) => name);
  const known = `example.org ${keyOf(host)}`;
  expect(order()).toEqual([...certificates, ...plain]);
  expect(order(known)).toEqual([plain[0], ...certificates, ...plain.slice(1)]);
  expect(order(known, TRUSTED)).toEqual([...certificates, ...plain]);
  expect(order(known, `@cert-authority elsewhere.org ${keyOf(authority)}`)[0]).toBe(plain[0]);
});

test("a program that trusts an authority itself asks `hostCertificateProblem`", () => {
  const certificate = certificateOf({ principals: ["*.example.org"], validBefore: BigInt(NOW) });
  const use = { host: "A.example.org", now: BigInt(NOW) - 1n };
  expect(hostCertificateProblem(certificate, use)).toBe(undefined);
  expect(hostCertificateProblem(certificate, { ...use, host: "example.org" })).toEqual({ reason: "principal" });
  expect(hostCertificateProblem(certificate, { ...use, now: BigInt(NOW) })).toEqual({
    reason: "expired",
    at: BigInt(NOW),
  });
});
